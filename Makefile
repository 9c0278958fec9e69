# From a fresh clone: needs git, make, and Python 3.11, 3.12 or 3.13. `make` lists the commands.
# PYTHON=/path/to/python3.13 chooses the interpreter that .venv is made from.

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all lint clean

PYTHONS := $(PYTHON) python3 python3.13 python3.12 python3.11
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTEST := .venv/bin/python -m pytest -n 2 --durations=15

# The publishers' data sets, if they are at hand; tests that need them are skipped without.
TFVISION_DATA ?= $(abspath $(wildcard ../shared/data))
export TFVISION_DATA

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/installed ## .venv with tfvision and the tested versions of what it needs

demo: .venv/installed ## one app from training to prediction, every shipped model, a page of pictures
	.venv/bin/tfvision demo

test: .venv/installed ## all tests but the slow ones; at most 15 minutes on two cores
	$(PYTEST) -m "not slow"

test-all: .venv/installed ## all tests
	$(PYTEST)

lint: .venv/installed ## the style that tools can check
	.venv/bin/ruff check .

clean: ## removes .venv and what tools left behind; keeps runs/ and savedmodels/
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache
	find apps benchmarks tests tfvision -name __pycache__ -type d -prune -exec rm -rf {} +

# A name on the PATH may be a shim that cannot run, or a Python without venv: each is tried.
.venv/installed: setup.cfg constraints.txt pyproject.toml
	@if .venv/bin/python -c '$(SUITABLE)' 2>/dev/null && .venv/bin/pip --version >/dev/null 2>&1; \
	then exit 0; fi; \
	for python in $(PYTHONS); do \
	  $$python -c '$(SUITABLE)' >/dev/null 2>&1 || continue; \
	  if $$python -c 'import ensurepip, venv' >/dev/null 2>&1; then \
	    echo "Making .venv from $$python"; exec $$python -m venv --clear .venv; \
	  fi; \
	  bare=$$python; \
	done; \
	if [ -n "$$bare" ]; then \
	  echo "$$bare lacks the modules venv and ensurepip." \
	    "Debian and Ubuntu: sudo apt install python3-venv" >&2; \
	else \
	  echo "No Python 3.11, 3.12 or 3.13 among: $(PYTHONS)." \
	    "Install one, or name it: make PYTHON=/path/to/python" >&2; \
	fi; \
	exit 1
	.venv/bin/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[test]"
	@touch $@
