"""Dagster assets, checks, jobs and sensors; definitions.py is the composition root."""
