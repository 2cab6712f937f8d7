"""Orchestration: assets, checks, jobs and sensors around mr_platform's stations. Nothing imports this package."""

import warnings

from dagster import BetaWarning

# Partition mappings and backfill policies are marked beta in Dagster 1.13. The version is pinned below 1.14 and the
# snapshot test notices a change, so the notice at every start of a process tells nobody anything.
warnings.filterwarnings("ignore", category=BetaWarning)
