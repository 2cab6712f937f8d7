"""Where rows come from: profiles, file shapes, snapshots to bars, the landing folder."""
