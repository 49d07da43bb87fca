MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
SHELL := /bin/bash -euo pipefail
.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: help setup lock demo up check fix test test-fast generate bench bench-desk bench-batch clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

$(VENV)/.ready: requirements.txt requirements-dev.txt pyproject.toml
	command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q "uv==0.13.9"
	$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes requirements-dev.txt
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

setup: $(VENV)/.ready ## Create .venv with everything pinned

lock: ## Compile requirements*.txt from pyproject.toml
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt

demo: setup ## Start everything, send requests over every way in, show what came back
	$(BIN)/avm demo $(ARGS)

up: setup ## Start the whole system here and keep it running
	$(BIN)/avm up $(ARGS)

check: setup ## Format, lint, types, import rules, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	$(BIN)/python -m infra.generate --check

fix: setup ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: check ## Everything, on a real Kafka and a real PostgreSQL
	bash tests/prepare.sh
	$(BIN)/pytest $(ARGS)

test-fast: setup ## Unit and contract tests alone: seconds
	$(BIN)/pytest tests/unit tests/contract -m "not kafka and not postgres" $(ARGS)

generate: setup ## Write what is generated from the topic catalogue
	$(BIN)/python -m infra.generate

bench: setup ## Speed of the flow, a hop and each stage, beside plain loops
	$(BIN)/python bench/run.py $(ARGS)

bench-desk: setup ## 200 reviewers decide 5,000 tasks at a desk that is killed twice: none twice, none lost
	$(BIN)/python -m bench.desk $(ARGS)

ROWS ?= 200000
bench-batch: setup ## A file of ROWS rows (200000), killed once, with online requests beside it: none lost, none doubled
	$(BIN)/python -m bench.batch --rows $(ROWS) $(ARGS)

clean: ## Remove the environment and local state
	rm -rf $(VENV) .avm
