"""Layout, atomic publish and content digests of the lake."""
