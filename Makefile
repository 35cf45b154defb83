# Needs make and Python >= 3.11, nothing else: every target makes the environment it runs in.
# PYTHON=/path/to/python chooses the interpreter of that environment.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test test-fast test-all coverage check check-style check-mypy check-pyright format notebooks build docs docs-build bench count clean

VENV  := .venv
BIN   := $(VENV)/bin
BENCH := .bench
READY := $(VENV)/.ready

# A file's tests stay in one process: what they share (a gateway, a wheel) is made once.
# In the order of collection: the few tests of files that wait long would come last, and be waited for.
PARALLEL := -n auto --dist loadfile --no-loadscope-reorder

# uv's hard links would be refused by nltk, which opens only files with a single link.
export UV_LINK_MODE := copy
export VIRTUAL_ENV  := $(CURDIR)/$(VENV)
# Where an image sets it, every process would compile the frameworks again.
unexport PYTHONDONTWRITEBYTECODE

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
	$(BIN)/pytest -m "not full and not types" $(PARALLEL)

test-fast: $(READY) ## Run the tests of one layer (LAYER=wire), or of the files changed since main
	@tests=$$($(BIN)/python scripts/changed_tests.py $(LAYER)) || exit; \
	test -z "$$tests" || $(BIN)/pytest -m "not full and not gateway and not types" $(PARALLEL) $$tests

test-all: $(READY) ## Run every test in full size on Python 3.11-3.13, oldest and newest frameworks
	$(BIN)/nox

coverage: $(READY) ## Run the tests and report the lines that none of them reaches
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m "not full and not types" $(PARALLEL)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check: check-style check-mypy check-pyright ## Check format, style, types and the direction of imports

check-style: $(READY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports

check-mypy: $(READY)
	$(BIN)/mypy

check-pyright: $(READY)
	$(BIN)/pyright
	$(BIN)/pytest --quiet -m types tests/typing

format: $(READY) ## Format the sources and mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

notebooks: $(READY) ## Run the notebooks on the embedded sandbox and save them with their outputs
	$(BIN)/python scripts/run_notebooks.py

build: $(READY) ## Build the wheel and the source distribution into dist/, and check their metadata
	$(BIN)/uv build --quiet --clear --out-dir dist
	$(BIN)/twine check --strict dist/*.whl dist/*.tar.gz

docs: $(READY) ## Serve the documentation on http://127.0.0.1:8000, and rebuild it when a page changes
	$(BIN)/uv pip install --quiet --group docs
	$(BIN)/mkdocs serve --dev-addr 127.0.0.1:8000

docs-build: $(READY) ## Build the documentation into site/; a dead link or a page missing in the navigation is an error
	$(BIN)/uv pip install --quiet --group docs
	$(BIN)/mkdocs build --strict --quiet

bench: $(READY) ## Measure speed and its growth beside the peers, and draw the plots of the README (ARGS=--quick: only print)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(BENCH)
	$(BIN)/uv pip install --quiet --python $(BENCH) --editable '.[all]' --group bench
	$(BENCH)/bin/python tests/benchmarks/run.py $(ARGS)

count: $(READY) ## Count the bytecode instructions of a call, a chunk, a message and a tool: the same in every run, unlike times
	$(BIN)/python tests/benchmarks/instructions.py

clean: ## Remove environments, caches and build results
	rm -rf $(VENV) $(BENCH) .nox build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
