"""Market regime platform: the domain library. Nothing here imports Dagster."""
