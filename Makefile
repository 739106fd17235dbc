# make demo     real runs in a throwaway repository, shown
# make test     everything the continuous integration runs
# make lint     ruff, ruff format, mypy
# make bench    measurements beside peers, into benchmarks/RESULTS.md
# make test-soak  the full sizes of the acceptance tests
# make test-integrations  real peers and heavy frameworks, each in an environment of its own

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest
# One worker more than there are processors: many tests wait, for a server, a timeout or a process.
WORKERS := $(shell $(PYTHON) -c "import os; print((os.cpu_count() or 1) + 1)")
QUICK := -n $(WORKERS) --dist worksteal -m "not soak and not integrations and not frameworks"

.PHONY: demo test test-soak test-integrations lint bench docs clean

demo: $(STAMP)
	$(BIN)/gtrack demo

# The dashboard's tests run by themselves: what Streamlit loads makes every fork of a test's process expensive.
test: $(STAMP)
	$(PYTEST) $(QUICK) --ignore=tests/app $(PYTEST_ARGS)
	$(PYTEST) $(QUICK) tests/app $(PYTEST_ARGS)

test-soak: $(STAMP)
	$(PYTEST) -n 2 -m soak $(PYTEST_ARGS)

test-integrations: $(STAMP)
	$(BIN)/python tests/integrations/venvs.py
	$(PYTEST) -m integrations $(PYTEST_ARGS)
	$(VENV)/integrations/frameworks/bin/python -m pytest -m frameworks $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m benchmarks $(BENCHMARKS)

docs: $(STAMP)
	$(BIN)/python -m gtrack.cli.reference

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[demo,test,lint]"
	touch $@
