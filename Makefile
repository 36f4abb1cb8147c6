# `make help` lists what there is. A recipe that needs packages installs them first, from lock files with hashes.
# The distribution's own Python, where it can make environments: Debian's is quicker than a plain build (docs/performance.md).
PYTHON ?= $(shell /usr/bin/python3.11 -c 'import ensurepip' 2>/dev/null && echo /usr/bin/python3.11 || echo python3.11)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
LOCKS := deploy/requirements
QUIX := .cache/quix

.DEFAULT_GOAL := help
.PHONY: help demo test chaos bench unit replay simulate lint format docs schemas lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## play named scenarios through the gate and check what comes out (ARGS=--hold stays up)
	@$(BIN)/menshen demo $(ARGS)

test: $(VENV)/.dev ## everything, against real Kafka and a real Redis-protocol server (ARGS goes to pytest)
	$(BIN)/python -m pytest $(ARGS)

chaos: $(VENV)/.dev ## break a real deployment under load and count from outside, 17 minutes (ARGS="--events 1000000")
	@$(BIN)/python -m tests.chaos $(ARGS)

bench: $(VENV)/.dev $(QUIX)/.done ## how fast, beside the limit of the parts and stock frameworks (ARGS="--check --json FILE")
	@MENSHEN_BENCH_QUIX=$(QUIX)/bin/python $(BIN)/python -m tests.bench $(ARGS)

unit: $(VENV)/.dev ## the inner loop: no servers, under 20 s
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not slow" --ignore tests/unit/learn \
		tests/unit tests/contract tests/schema tests/architecture tests/docs/test_links.py $(ARGS)

replay: $(VENV)/.dev ## tell one log again in many ways and compare every byte (EVENTS=1000000 for the long form)
	$(BIN)/python -m tests.replay $(if $(EVENTS),--events $(EVENTS)) $(ARGS)

simulate: $(VENV)/.dev ## the real workers in simulated weather: SEEDS=2000, MUTATION=name takes a part of the protocol out
	@$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),2000) $(if $(MUTATION),--mutation $(MUTATION)) $(ARGS)

lint: $(VENV)/.dev ## ruff, formatting, mypy --strict, import-linter, codespell
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell README.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md SECURITY.md docs schemas services tests deploy docker-compose.yml

format: $(VENV)/.dev ## put the code into the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev ## write the reference pages that are generated from the code
	$(BIN)/python -m menshen.reference docs

schemas: $(VENV)/.dev ## write schemas/*.json and asyncapi.yaml from the Python types
	PYTHONPATH=services:. $(BIN)/python -m schemas.generator

$(QUIX)/.done: $(LOCKS)/quix.lock | $(VENV)/bin/python
	@$(PYTHON) -m venv $(QUIX)
	@$(QUIX)/bin/pip install -q --disable-pip-version-check --require-hashes -r $(LOCKS)/quix.lock
	@touch $@

lock: ## resolve the lock files anew (needs uv)
	uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group build pyproject.toml --extra embedded --extra learn --group dev -o $(LOCKS)/dev.lock
	uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group build pyproject.toml --extra embedded -c $(LOCKS)/dev.lock -o $(LOCKS)/demo.lock
	uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group build pyproject.toml -c $(LOCKS)/dev.lock -o $(LOCKS)/runtime.lock
	uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header $(LOCKS)/quix.in -o $(LOCKS)/quix.lock

clean: ## remove what was installed and fetched
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing; on Debian: apt-get install python3.11 python3.11-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "venv is missing; on Debian: apt-get install python3.11-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.demo: $(LOCKS)/demo.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing (once, about a minute) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r $(LOCKS)/demo.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(LOCKS)/dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing (once, about a minute) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r $(LOCKS)/dev.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.demo
