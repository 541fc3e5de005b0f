# The habits of this project: a person and CI call the same ones.
# Each says what it does and how long it takes. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help install install-dev lab test test-docker test-browser coverage lint build verify bench lock wheelhouse \
	release-check clean

# The first Python that is new enough; `make lab PYTHON=/path/to/python3.13` names one.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
NBVAL := --nbval --nbval-cell-timeout 90 -n 2 --dist loadfile  # two notebooks at once, each in one process
# What `make coverage` compares with; CI names the branch that a pull request goes to.
export BASE ?= origin/main

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install:
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or newer was not found."; \
	echo "  looked: python3, python3.14, python3.13, python3.12, python3.11 on PATH"; \
	echo "  do:     install one, or name it: make lab PYTHON=/path/to/python3.13"; exit 2; fi
	@"$(PYTHON)" src/inprod/install.py $(INSTALL_OPTIONS)

install-dev:
	@$(MAKE) --no-print-directory install INSTALL_OPTIONS=--dev

lab: install ## install, then open JupyterLab on your start page (first time about a minute)
	@$(BIN)/inprod lab

test: install-dev ## install, then every test that needs neither Docker nor a browser, and nbval (about 20 minutes on two cores)
	@echo "Running the tests and all notebooks on embedded servers (about 20 minutes on two cores; make test-docker and make test-browser run the rest)."
	@INPROD_BACKEND=embedded $(PYTEST) $(NBVAL) notebooks solutions -q
	@$(PYTEST) -m "not docker and not browser"

test-docker: install-dev ## the docker tests and all notebooks on containers (testcontainers; about 10 minutes)
	@$(BIN)/inprod doctor --require docker
	@INPROD_BACKEND=docker $(PYTEST) $(NBVAL) notebooks solutions -q
	@$(PYTEST) -m docker

test-browser: install-dev ## the tests that open JupyterLab in Chromium (about 7 minutes)
	@$(PYTEST) -m browser

coverage: install-dev ## the gate: lines that are new since BASE (origin/main) need a test (about 5 minutes)
	@$(BIN)/coverage run -m pytest -m "not docker and not browser" -q
	@$(BIN)/coverage xml -q
	@$(BIN)/diff-cover coverage.xml --config-file pyproject.toml --compare-branch "$$BASE"

lint: install-dev ## ruff, mypy, and the course's own lint (seconds)
	@failed=; for step in "ruff check ." "ruff format --check ." mypy "inprod build --check"; do \
	echo "$$step"; $(BIN)/$$step || failed=1; done; test -z "$$failed"

build: install-dev ## notebooks and solutions from their sources, executed
	@$(BIN)/inprod build

verify: install-dev ## prove every exercise: right answers pass, each wrong one fails for its own reason
	@$(BIN)/inprod verify

bench: install-dev ## the engine's figures, beside what a course would otherwise do (about 2 minutes)
	@$(BIN)/inprod bench

wheelhouse: install ## for a room without a network: packages and Docker's images in wheelhouse/, for `make lab` and `inprod lab --offline`
	@$(BIN)/python src/inprod/install.py --wheelhouse
	@$(BIN)/inprod doctor --save wheelhouse/images

lock: ## for maintainers: pin and hash what pyproject.toml asks for (needs uv)
	@python3 .ci/lock.py $(LOCK_OPTIONS)

release-check: install-dev ## before a release: one version everywhere, a clean tree, an sdist and a wheel that hold the course
	@$(BIN)/python .ci/release.py

clean: ## remove .venv and caches; never your answers
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
