# The doors of the house. `make run` and `make test` set everything up by themselves.
PYTHON ?= python3
VENV ?= .venv
PEERS := .venv-peers
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup run plan test sim frontend check format lint types contracts bench bench-kernels surface-quality experiments crash-report clean

help: ## Show the doors
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

$(RUNS): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else f"flatbook needs Python 3.11 to 3.13, {sys.executable} is {sys.version.split()[0]}; set PYTHON=python3.12, say")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $(RUNS)

$(READY): $(RUNS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(BIN)/flatbook warmup
	@touch $(READY)

setup: $(READY) ## Make the virtual environment and install flatbook and what its developers need in it

run: $(RUNS) ## Run the desk against a synthetic exchange and serve its dashboard on this machine, until Ctrl+C
	@$(BIN)/flatbook run

plan: $(RUNS) ## Plan the shipped synthetic example: exposure, limits, hedges, quotes, what remains
	@mkdir -p out
	@rm -f out/example-report.html out/example-report.json out/example.journal*
	@$(BIN)/flatbook plan --book examples/synthetic-day/fills.csv --market examples/synthetic-day --config examples/synthetic-day/desk.toml \
		--html out/example-report.html --json out/example-report.json --journal out/example.journal

test: $(READY) ## Run every test
	$(BIN)/python -m pytest -n 2

sim: $(READY) ## Run whole simulated days with every fault on: make sim SEEDS=200
	$(BIN)/flatbook simtest --seeds $(SEEDS)

frontend: ## Check, test and build the pages of the dashboard (needs Node 20 or later)
	cd frontend && npm ci --no-audit --no-fund && npm test && npm run build

check: format lint types contracts ## Format, lint, types and contracts, without tests

format: $(READY) ## Check formatting
	$(BIN)/ruff format --check .

lint: $(READY) ## Lint
	$(BIN)/ruff check .

types: $(READY) ## Check types
	$(BIN)/mypy

contracts: $(READY) ## Check that every room imports only from the rooms before it
	$(BIN)/lint-imports

bench: $(READY) ## Compare speed with peers, as ratios within one run
	$(BIN)/python -m benchmarks

bench-kernels: $(READY) ## Time the kernels against their peers, check their answers, write docs/reference/performance.md
	@$(MAKE) --no-print-directory $(PEERS)/.ready || echo 'some peers are missing; their rows will say so'
	@mkdir -p docs/reference
	$(BIN)/python -m benchmarks.report --write docs/reference/performance.md

surface-quality: $(READY) ## Fit every real chain that is there, hold the fits to their targets, write docs/reference/surface-quality.md
	@mkdir -p docs/reference
	$(BIN)/python -m benchmarks.surface_quality --write docs/reference/surface-quality.md

experiments: SEEDS = 200
experiments: $(READY) ## Run every scenario under every policy on SEEDS=200 days, go on where it stopped, write docs/reference/experiments.md
	@mkdir -p docs/reference
	$(BIN)/python -m benchmarks.experiments --seeds $(SEEDS) --write docs/reference/experiments.md

crash-report: KILLS = 200
crash-report: $(READY) ## Crash desks in every way we can (KILLS=200), count what that cost, write docs/reference/crash-report.md
	@mkdir -p docs/reference
	$(BIN)/python -m benchmarks.crash_report --kills $(KILLS) --write docs/reference/crash-report.md

$(PEERS)/.ready: benchmarks/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	@echo '*' > $(PEERS)/.gitignore
	@failed=0; for peer in fast-vollib jax; do \
		$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< $$peer numba scipy || failed=1; \
	done; exit $$failed
	@touch $@

clean: ## Remove the virtual environment and everything made
	rm -rf $(VENV) $(PEERS) out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
