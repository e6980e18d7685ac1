# Needs Python 3.11 or later and make; everything else goes into .venv.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
PYTEST := $(PY) -m pytest -q
WORKERS ?= 2
FAST := -m "not browser and not slow"
THOROUGH := --hypothesis-profile=thorough

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run dev test test-all test-slow test-browser compliance compliance-clients lint types coverage bench bench-all bench-record bench-micro bench-grow bench-many bench-built clean

help:  ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.run  ## Serve the demo chat at http://127.0.0.1:8000 (make run PORT=9000)
	@exec $(PY) -m gateway serve --port $(PORT)

dev: $(VENV)/.dev  ## Prepare .venv for development

test: $(VENV)/.dev  ## The fast tests, in about a minute
	@$(PYTEST) -n $(WORKERS) $(FAST)

test-slow: $(VENV)/.dev  ## The slow tests, the properties with four times the examples, and turns of actors apart
	@$(PYTEST) -n $(WORKERS) $(THOROUGH) -m "(slow or hypothesis) and not browser"
	@$(PYTEST) -n $(WORKERS) --turns-apart $(FAST) tests/actors tests/gateway

test-all: $(VENV)/.dev  ## Fast and slow tests
	@$(PYTEST) -n $(WORKERS) $(THOROUGH) -m "not browser"

test-browser: $(VENV)/.dev  ## The chat page, driven in Chromium
	@$(PYTEST) -m browser

compliance: $(VENV)/.dev  ## Other people's tests and clients: pykka's suite, cent, Centrifuge, Phoenix, wscat
	@sh tests/compliance/run_pykka.sh "$(CURDIR)/$(PY)"
	@sh tests/compliance/run_cent.sh "$(CURDIR)/$(PY)"
	@$(MAKE) compliance-clients

compliance-clients: $(VENV)/.dev  ## Their clients alone, needs node (make compliance-clients SUITES="phoenix_js mixed")
	@sh tests/compliance/run_clients.sh "$(CURDIR)/$(PY)" $(SUITES)

lint: $(VENV)/.dev  ## ruff: rules and format
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

types: $(VENV)/.dev  ## mypy --strict; pyright on the typing tests if there is a node
	@$(PY) -m mypy
	@if command -v node >/dev/null 2>&1; then PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(PY) -m pyright --pythonpath $(PY) tests/typing; \
	else echo "pyright skipped: it needs node"; fi

coverage: $(VENV)/.dev  ## Which lines and branches the fast tests reach
	@$(PY) -m coverage run -m pytest -q $(FAST)
	@$(PY) -m coverage report --skip-covered

bench: $(VENV)/.dev bench-built  ## Floors, aiohttp, socketify and ours in four scenarios, about three minutes
	@$(PY) -m bench run --set short --rounds 3 --seconds 1

bench-all: $(VENV)/.dev bench-built  ## Every server and scenario, five rounds: an hour and a half; see bench/README.md
	@$(PY) -m bench run --set all --rounds 5

bench-record: $(VENV)/.dev  ## The latest run into bench/RESULTS.md, results.svg and history.csv
	@$(PY) -m bench record

bench-micro: $(VENV)/.dev  ## Micro benchmarks of the actors, each beside its alternative
	@$(PY) bench/micro.py

bench-grow: $(VENV)/.dev bench-built  ## Ours with more members, rooms, connections: bench/GROWTH.md, half an hour
	@$(PY) -m bench grow --rounds 3

bench-many: $(VENV)/.dev  ## 100,000 connections without a network: memory, pings, pauses; a minute and a half
	@$(PY) -m bench many

bench-built:
	@$(MAKE) --directory bench all peers PYTHON="$(PYTHON)"

clean:  ## Remove .venv and everything that was built
	@rm -rf $(VENV) build bench/build dist *.egg-info .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@rm -rf tests/compliance/.cache tests/compliance/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: an environment is made once, and again when what it is made from changes.

$(PY):
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "hubbub needs Python 3.11 or later: make PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: setup.cfg pyproject.toml | $(PY)
	@echo "installing hubbub into $(VENV)"
	@$(PIP) install --editable ".[fast]"
	@touch $@

$(VENV)/.dev: setup.cfg pyproject.toml | $(PY)
	@echo "installing hubbub and what its tests need into $(VENV); the first time takes a minute"
	@$(PIP) install --editable ".[dev]"
	@touch $@ $(VENV)/.run
