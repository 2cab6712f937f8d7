"""Dagster resources: thin wrappers that hand library objects to assets."""
