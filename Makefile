# One command each; a bare `make` lists them. Needs Python 3.11 or newer, make and the network.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help up down test check mutants bench chaos schemas format venv packages

VENV := .venv
PY := $(VENV)/bin/python
NODE_PACKAGE := n8n-nodes-agentrt
DEV := $(NODE_PACKAGE)/dev

# Node and npm come from the venv; whatever the machine has is never used.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1
export npm_config_update_notifier := false
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

up: venv ## start everything and run the example (ONCE=1: stop after it)
	@$(PY) $(DEV)/up.py

down: | $(PY) ## stop what `make up` started
	@$(PY) $(DEV)/down.py

test: check ## all checks and all tests, with real stores and a real n8n
	@npm test --prefix $(NODE_PACKAGE)
	@$(PY) -m pytest

check: packages ## format, lint, types, import floors, drift
	@ruff format --check .
	@ruff check .
	@$(PY) -m pyright
	@lint-imports --no-logo
	@npm run lint --prefix $(NODE_PACKAGE)
	@$(PY) tests/tools/schemas.py --check
	@$(PY) tests/tools/settings.py --check
	@npm run --silent types:check --prefix $(NODE_PACKAGE)

mutants: venv ## break the runtime, one mistake at a time: tests must notice each
	@$(PY) -m tests.mutants.run

bench: venv ## measure turns per second
	@$(PY) -m tests.bench

chaos: venv ## kill and crash everything under load, then look for what was lost (5 minutes)
	@$(PY) -m tests.chaos

schemas: packages ## write schemas/, the node's types and docs/settings.md again
	@$(PY) tests/tools/schemas.py
	@$(PY) tests/tools/settings.py
	@npm run --silent types --prefix $(NODE_PACKAGE)

format: venv ## format the Python code
	@ruff format . && ruff check --fix .

# Both look for themselves what is left to do, and a half-finished install is done again.
venv:
	@PYTHON="$(PYTHON)" sh $(DEV)/venv.sh $(VENV)

packages: venv
	@$(PY) $(DEV)/npm.py $(NODE_PACKAGE)

$(PY):
	@$(MAKE) venv
