SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
HOME_DIR ?= home
LOCK := --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q

export DAGSTER_DISABLE_TELEMETRY := 1
export GX_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
# a shell that forbids bytecode makes every Dagster subprocess compile everything again
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo test lint ui bench lock clean

install: .venv/.installed

.venv/.installed: requirements-dev.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --compile -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m mr_platform.kernels.warmup
	$(BIN)/python -m mr_platform.features.warmup
	$(BIN)/python -m mr_platform.migration.warmup
	touch $@

demo: install
	$(BIN)/mr demo --home $(HOME_DIR)

test: install lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered --cov-report=json:build/coverage.json --durations=15
	$(BIN)/python -m coverage report --fail-under=90 --include='mr_platform/*' >/dev/null || { echo "branch coverage of mr_platform is below 90 %"; exit 1; }

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

ui: install
	$(BIN)/mr ui --home $(HOME_DIR)

bench: install
	$(BIN)/mr bench

# Writes the locks anew; needs uv (pip install uv).
lock:
	uv pip compile pyproject.toml $(LOCK) --universal -o requirements.lock
	uv pip compile pyproject.toml $(LOCK) --universal --extra dev -c requirements.lock -o requirements-dev.lock
	uv pip compile pyproject.toml $(LOCK) --extra cloud -o requirements-cloud.lock
	uv pip compile pyproject.toml $(LOCK) --extra gpu -o requirements-gpu.lock

clean:
	rm -rf .venv $(HOME_DIR) dbt_project/target dbt_project/logs
