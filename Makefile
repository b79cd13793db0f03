# Needs nothing but make, Python 3.11 or newer, and a package index. `make help` lists the commands.
PYTHON ?= python3
VENV ?= .venv
GROUP ?= dev
BIN := $(VENV)/bin
PYTEST_ARGS ?=
SOURCES := testcache tests benchmarks scripts

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint style types contract format try-real bench bench-parallel clean

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

install: $(VENV)/installed ## Install testcache and everything for its development into .venv

# The build itself decides whether the venv is fresh: pyproject.toml names all that goes into it.
$(VENV)/runs: pyproject.toml startup/testcache_child.pth
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/installed: $(VENV)/runs
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group $(GROUP)
	touch $@

demo: $(VENV)/runs ## Show the main job on the example project: cold, warm, one edit, why
	scripts/demo.sh $(BIN)/python

test: install ## Run the tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: lint test ## Everything that a change must pass

lint: style types contract ## Check format, style, types and the import contract

style: install
	$(BIN)/ruff format --check --quiet $(SOURCES)
	$(BIN)/ruff check $(SOURCES)

types: install
	$(BIN)/mypy

contract: install
	PYTHONPATH=. $(BIN)/lint-imports --no-cache --no-logo

format: install ## Format the code and mend what can be mended
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

try-real: install ## Play the main job on five real projects and compare with full runs
	$(BIN)/python scripts/try_real.py

bench: install ## Measure against bare pytest and peers; write docs/benchmarks.md (an hour or so)
	$(BIN)/python -m benchmarks --scale 1000 10000 100000

bench-parallel: install ## Measure two workers beside plain xdist; write docs/benchmarks-parallel.md (half an hour)
	$(BIN)/python -m benchmarks.parallel

clean: ## Remove the venv, stores and caches
	rm -rf $(VENV) build dist .testcache .coverage .coverage.* .*_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
