# Needs make and Python >= 3.11, nothing else: every target makes the environment it runs in.
# PYTHON=/path/to/python chooses the interpreter of that environment.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test test-all check format build bench clean

VENV  := .venv
BIN   := $(VENV)/bin
BENCH := .bench
READY := $(VENV)/.ready

# A file's tests stay in one process: what they share (a gateway, a wheel) is made once.
PARALLEL := -n auto --dist loadfile

# uv's hard links would be refused by nltk, which opens only files with a single link.
export UV_LINK_MODE := copy
export VIRTUAL_ENV  := $(CURDIR)/$(VENV)

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make the environment in .venv with everything that developing needs

$(READY): pyproject.toml scripts/find-python
	@python=$$(sh scripts/find-python $(PYTHON)) && "$$python" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --editable '.[all]' --group dev
	@touch $@

demo: $(READY) ## Show what the package does, on the embedded sandbox or with your own keys
	@$(BIN)/portkey-mistral demo

test: $(READY) ## Run the tests on this Python
	$(BIN)/pytest -m "not full" $(PARALLEL)

test-all: $(READY) ## Run every test in full size on Python 3.11-3.13, oldest and newest frameworks
	$(BIN)/nox

check: $(READY) ## Check format, style, types and the direction of imports
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/pyright

format: $(READY) ## Format the sources and mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

build: $(READY) ## Build the wheel and the source distribution into dist/
	$(BIN)/uv build --quiet --out-dir dist

bench: $(READY) ## Measure speed and its growth beside the peers, and draw the pictures of the README
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(BENCH)
	$(BIN)/uv pip install --quiet --python $(BENCH) --editable '.[all]' --group bench
	$(BENCH)/bin/python tests/benchmarks/run.py

clean: ## Remove environments, caches and build results
	rm -rf $(VENV) $(BENCH) .nox build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
