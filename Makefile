# Vanta's commands; `make help` explains them. Needs python3 (3.11 or newer) and nothing else; npm, where it is
# installed, brings the tests a real EVM.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
EVM := tests/evm
EVM_STAMP := $(EVM)/node_modules/.installed
STATE := $(if $(VANTA_STATE_DIR),$(VANTA_STATE_DIR),.vanta)
PACKAGES := vanta trading risk feeds adminpanel
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes
COMPILE := UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --quiet
# What is installed is known by the hash of the lock, so that a touched file or a fresh checkout installs nothing.
lock_hash = $(shell $(PYTHON) -c "import hashlib, pathlib, sys; print(hashlib.sha256(b''.join(pathlib.Path(p).read_bytes() for p in sys.argv[1:])).hexdigest())" $(1))

.DEFAULT_GOAL := help
.PHONY: help run smoke test check check-types check-rest bench soak crash-matrix rare walk lock shell clean install install-dev install-evm python

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: install ## start everything on this machine and print where to click
	@exec $(BIN)/python manage.py up

smoke: install ## start everything from the locked requirements alone, until it is ready, and stop it again
	@state=$$(mktemp -d) && trap 'rm -rf "$$state"' EXIT && VANTA_STATE_DIR="$$state" $(BIN)/python manage.py up --until-ready

test: install-dev install-evm ## the whole test suite, against real PostgreSQL, Redis and workers
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: install-dev ## lint, types, layers, Django's checks, migrations in step with the models
	@$(MAKE) --no-print-directory --keep-going --jobs=2 check-types check-rest

check-types:
	$(BIN)/mypy $(PACKAGES) tests manage.py

check-rest:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python manage.py check
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

bench: install-dev ## measure, in 5 minutes at most; writes .bench/latest.json
	$(BIN)/python -m tests.bench

soak: install-dev ## ten minutes of 112 markets: processor, memory, age of the prices (SOAK_SECONDS=60 for less)
	$(BIN)/python -m tests.bench soak

crash-matrix: install-dev ## kill an order's path at every write and network call, and drill it; then 500 LIVE orders in a storm; writes .bench/
	$(BIN)/python -m tests.crash
	$(BIN)/python -m tests.crash.storm

rare: install-dev ## the cases that the test suite leaves out, because others of their kind show the same
	$(BIN)/python -m pytest -n 2 --dist loadfile -m rare

walk: install-dev ## walk at random through commands, faults, deaths and time at the sandbox's venue, for minutes
	$(BIN)/python -m pytest tests/trading/live/test_random_walk.py --hypothesis-profile=long --timeout=0

lock: install-dev ## pin requirements.in and the development tools, universal and with hashes
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) --group pyproject.toml:dev -c requirements.txt -o requirements-dev.txt

shell: install ## Django's shell, with what `make run` or `manage.py services` is running
	$(BIN)/python manage.py shell

clean: ## delete the virtualenv, all local data and caches
	@if [ -s "$(STATE)/lock" ] && kill -0 "$$(cat "$(STATE)/lock")" 2>/dev/null; then \
		echo "Vanta is running here (process $$(cat "$(STATE)/lock")): stop it first."; exit 1; fi
	rm -rf $(VENV) $(EVM)/node_modules "$(STATE)" .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Vanta needs Python 3.11 or newer; '$(PYTHON)' is not. Try: make PYTHON=python3.12 …"; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "python3 -m venv failed (on Debian: apt install python3-venv)."; exit 1; }

install: python
	@hash=$(call lock_hash,requirements.txt); if [ "$$(cat $(RUN_STAMP) 2>/dev/null)" != "$$hash" ]; then \
		echo "Installing requirements.txt"; $(PIP) -r requirements.txt && echo "$$hash" > $(RUN_STAMP); fi

install-dev: install
	@hash=$(call lock_hash,requirements.txt requirements-dev.txt); if [ "$$(cat $(DEV_STAMP) 2>/dev/null)" != "$$hash" ]; then \
		echo "Installing requirements-dev.txt"; $(PIP) -r requirements-dev.txt && echo "$$hash" > $(DEV_STAMP); fi

# No package's scripts are run: the programs lie in the packages as they are.
install-evm: python
	@hash=$(call lock_hash,$(EVM)/package-lock.json); if [ "$$(cat $(EVM_STAMP) 2>/dev/null)" = "$$hash" ]; then exit 0; fi; \
	if ! command -v npm >/dev/null; then echo "npm is missing: the tests against a real EVM are skipped (in CI they fail)."; exit 0; fi; \
	echo "Installing $(EVM)/package-lock.json"; \
	npm ci --prefix $(EVM) --ignore-scripts --no-audit --no-fund --loglevel=error && echo "$$hash" > $(EVM_STAMP) || \
		echo "npm ci failed: the tests against a real EVM are skipped (in CI they fail)."
