"""The catalogue, the daily context, the engine and the components."""
