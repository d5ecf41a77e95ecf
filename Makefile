# Every target sets itself up from a clean clone; set-up is done once per lock file.
# uv is used; where it is not on PATH, the pinned one is first installed into the environment with pip. Both read your own configuration,
# so a mirror of yours is respected.

VENV   ?= .venv
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1 && { echo $$p; break; }; done)
UV     ?= $(shell command -v uv 2>/dev/null)
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PEERS  := tests/system/peers

.DEFAULT_GOAL := help
.PHONY: help demo test check system soak mutants lock setup clean programs

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(STAMP)  ## the simulated line, the plant process and a batch, on this machine
	$(BIN)/lagan demo

test: $(STAMP)  ## every test that needs Python only, on every core
	$(BIN)/python -m pytest -n auto --dist loadfile

check: $(STAMP)  ## lint, the ban on clocks, types, and imports that point one way
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

system: $(STAMP) $(PEERS)/node_modules/.installed  ## tests over real sockets against other people's programs (says what is missing)
	$(BIN)/python -m pytest -m system

soak: $(STAMP)  ## long runs
	$(BIN)/python -m pytest -m soak

mutants: $(STAMP)  ## change pid, loops, laws, interlocks, arbitration and alarms in every small way: would a test notice? (half an hour)
	rm -rf mutants
	$(BIN)/mutmut run
	$(BIN)/mutmut results

lock: $(STAMP)  ## resolve pyproject.toml anew into requirements.lock (UPGRADE=1: newest of everything)
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-header --no-emit-index-url \
		--quiet $(if $(UPGRADE),--upgrade) -o requirements.lock

setup: $(STAMP)  ## the environment alone

clean:  ## forget the environment and every cache
	rm -rf $(VENV) mutants $(PEERS)/node_modules .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python 3.11, 3.12 or 3.13 found: make PYTHON=/path/to/python"; exit 1; }
ifneq ($(UV),)
	test -x $(BIN)/python || $(UV) venv --quiet --no-python-downloads --python $(PYTHON) $(VENV)
	VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --require-hashes requirements.lock
	VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
else
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || { awk '/^uv==/ { on = 1 } on { print } on && !/\\$$/ { exit }' requirements.lock > $(VENV)/uv.txt && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.txt; }
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
endif
	@touch $@

# What the peers of the system tests are made with.
programs:
	@missing=; \
	for each in mbpoll:mbpoll cc:gcc node:nodejs npm:npm; do command -v $${each%:*} >/dev/null || missing="$$missing $${each#*:}"; done; \
	echo '#include <modbus/modbus.h>' | cc -E - >/dev/null 2>&1 || missing="$$missing libmodbus-dev"; \
	test -z "$$missing" || { echo "missing: apt-get install$$missing"; exit 1; }
	@node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' || { echo "node $$(node --version): 18 or later is needed"; exit 1; }

$(PEERS)/node_modules/.installed: $(PEERS)/package.json $(PEERS)/package-lock.json $(PEERS)/.npmrc | programs
	cd $(PEERS) && npm ci --silent
	@touch $@
