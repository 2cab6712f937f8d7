"""The composition root: everything the code location offers, put together in one place.

What belongs here: which assets, checks, jobs, sensors and resources exist in an environment. No logic.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets import jobs
from assets.checks import expectation_check
from assets.core import CORE, core_assets
from assets.features import feature_assets
from assets.intraday import intraday_sensor
from assets.labels import label_assets
from assets.marts import mart_assets
from assets.migration import is_moving, migrate_job, migration_assets
from assets.models import model_assets
from assets.parameters import parameter_assets, parameter_sensor
from assets.raw import raw_assets
from assets.regimes import regime_assets
from mr_platform.environments import Environment, Home, current_home, load_environment
from resources.clock import Clock
from resources.environment import Folders
from resources.heavydb import HeavyDbResource
from resources.lake import LakeResource
from resources.parameters import WorkbookFile
from resources.workers import Workers


def build_defs(
    *,
    environment: Environment | None = None,
    home: Home | None = None,
    resources: Mapping[str, Any] | None = None,
) -> dg.Definitions:
    """All definitions of an environment.

    ``environment`` and ``home`` default to those named by MR_ENV and MR_HOME; ``resources`` replaces single
    resources by name (``lake``, ``clock``, ``workbook``, ``workers``, ``folders``). Automation that must not
    run in the environment is not registered.
    """
    environment = environment or load_environment()
    home = home or current_home()
    backfill = jobs.backfill_job()
    intraday = jobs.intraday_job()
    parameters = jobs.parameters_job()
    end_of_day = jobs.end_of_day_job()
    sensors: list[dg.SensorDefinition] = []
    schedules: list[dg.ScheduleDefinition] = []
    if "intraday" in environment.automation:
        sensors.append(intraday_sensor(environment, intraday))
    if "alerts" in environment.automation:
        sensors.append(jobs.failure_sensor())
    moving = [migrate_job()] if is_moving(environment) else []
    if "end_of_day" in environment.automation:
        schedules.append(jobs.end_of_day_schedule(environment, end_of_day))
    if "parameters" in environment.automation:
        sensors.append(parameter_sensor(parameters))
    return dg.Definitions(
        assets=[
            *parameter_assets(),
            *migration_assets(environment),
            *raw_assets(environment),
            *core_assets(environment),
            *feature_assets(environment),
            *label_assets(environment),
            *model_assets(environment),
            *regime_assets(environment),
            *mart_assets(),
        ],
        asset_checks=[expectation_check(CORE)],
        jobs=[*moving, backfill, intraday, end_of_day, parameters, jobs.train_job(), jobs.marts_job()],
        sensors=sensors,
        schedules=schedules,
        resources={
            "lake": LakeResource(root=str(home.lake)),
            "heavydb": HeavyDbResource(workers=environment.processes),
            "folders": Folders(environment_name=environment.name, root=str(home.root)),
            "clock": Clock(file=os.environ.get("MR_CLOCK_FILE", "")),
            "workbook": WorkbookFile(file=os.environ.get("MR_WORKBOOK", "")),
            "workers": Workers(processes=environment.processes),
            **(resources or {}),
        },
        # symbol-days are the parallelism: steps share one process and its imports
        executor=dg.in_process_executor,
    )


defs = build_defs()
