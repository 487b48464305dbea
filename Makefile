# `make` alone says what there is. Everything sets itself up.
# The newest Python that is here and runs; 3.13 is about a sixth faster than 3.11.
PYTHON ?= $(shell for each in python3.13 python3.12 python3.11; do $$each -c pass 2>/dev/null && { echo $$each; break; }; done || true)
PYTHON := $(or $(PYTHON),python3)
VENV ?= .venv
# Of the tests, two for each core: about half of what a test does is wait.
WORKERS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
BIN = $(VENV)/bin

help: ## what there is to do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

serve: $(VENV)/.runs ## set up and run the server with embedded defaults on port 5000
	$(BIN)/burrow serve

test: $(VENV)/.tests ## set up and run all tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: $(VENV)/.tests ## style, types, import rules, generated pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/settings_doc.py --check
	$(BIN)/python scripts/sdk_doc.py --check
	$(BIN)/python scripts/states_doc.py --check
	$(BIN)/python scripts/vendor_web.py --check
	$(BIN)/python scripts/words_web.py --check
	tests/web/node_modules/.bin/tsc -p tests/web

bench: $(VENV)/.tests ## measure beside the rivals; ARGS=--write keeps the result
	$(BIN)/python -m bench $(ARGS)

proof: $(VENV)/.tests ## the heavy proofs: 20 GiB files, kill -9 by the hundred, slow clients
	$(BIN)/python -m pytest -m proof -o addopts= -rA -s --timeout 5400 tests

fuzz: $(VENV)/.tests ## fuzz every parser that strangers reach, SECONDS=600 each; writes docs/security/fuzz.md
	$(BIN)/python -m tests.fuzz $(or $(TARGET),all) --seconds $(or $(SECONDS),600) --write docs/security/fuzz.md $(if $(KEEP),--keep $(KEEP))

nat-lab: $(VENV)/.tests ## which way is taken through which NAT, terminals and browsers; writes docs/nat.md; needs root
	BURROW_LAB_PAGE=docs/nat.md $(BIN)/python -m pytest -m nat_lab -o addopts= -q -s tests/nat

installs: $(VENV)/.tests ## look up all pins for ARM, macOS and Windows; run every install line in a clean Debian 12 and 13; needs root
	$(BIN)/python -m tests.installs.wheels
	$(BIN)/python -m tests.installs

cluster: $(VENV)/.tests ## three servers behind haproxy with PostgreSQL and NATS, on port 5000, to try them out
	$(BIN)/python scripts/cluster.py

pins: $(VENV)/.tests ## renew requirements.txt, with the hashes of all files; takes minutes
	$(BIN)/pip-compile -q --generate-hashes --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --no-annotate -o requirements.txt pyproject.toml

$(VENV)/bin/python:
	$(PYTHON) scripts/make_venv.py $(VENV)

$(VENV)/.runs: $(VENV)/bin/python requirements.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

# The same versions without their hashes: pip takes none as constraints of what is installed from a folder.
$(VENV)/constraints.txt: requirements.txt
	@mkdir -p $(VENV)
	sed -n 's/^\([a-z0-9][^ ]*==[^ ;\\]*\).*/\1/p' requirements.txt > $@

$(VENV)/.tests: $(VENV)/.runs $(VENV)/constraints.txt scripts/test_parts.sh
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(VENV)/constraints.txt -e '.[dev]'
	sh scripts/test_parts.sh
	@touch $@

.PHONY: help serve test check bench proof fuzz nat-lab cluster pins
