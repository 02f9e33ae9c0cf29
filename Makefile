# One entry a task. Nothing need be installed but make and Python >= 3.11; `make help` lists the tasks.
# Written for GNU make 3.81 too, which is the one that macOS carries.
PYTHON ?= python3
PORT ?= 8080

ROOMS := shared featurizer predictor pipeline local
IMAGES := featurizer predictor local
BIN := .venv/bin
READY := .venv/ready
UV := $(BIN)/uv
LOCK_UV := $(UV) pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-header --no-emit-package stagewire

.DEFAULT_GOAL := help
.PHONY: help demo up test test-containers test-rooms lint types bench images lock clean ci

help:  ## List the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(READY)  ## Train, package, serve, score held-out rows, stop
	@$(BIN)/stagewire demo

up: $(READY)  ## The same chain, left running until Ctrl-C (PORT=8080)
	@$(BIN)/stagewire demo --keep --port $(PORT)

test: $(READY)  ## All tests that need no container
	@$(BIN)/python -Im pytest -m "not containers"

test-containers: $(READY)  ## The tests that need a Docker Engine
	@if [ -d tests/containers ]; then $(BIN)/python -Im pytest -m containers tests/containers; \
	else echo "test-containers: none yet, they come with the images"; fi

test-rooms: $(addprefix test-room-,$(ROOMS))  ## Each room's tests in an environment of that room alone

lint: $(READY)  ## Style, format and the direction of imports
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports --cache-dir build/import-linter

types: $(READY)  ## mypy and pyright, both strict
	@$(BIN)/mypy
	@$(BIN)/pyright

bench: $(READY)  ## Measure
	@$(BIN)/python bench/ping.py

images:  ## Build the images with Docker
	@missing=; for room in $(IMAGES); do \
	  if [ -f $$room/Dockerfile ]; then docker build -t stagewire-$$room -f $$room/Dockerfile . || exit 1; \
	  else missing="$$missing $$room/Dockerfile"; fi; \
	done; [ -z "$$missing" ] || { echo "images: missing:$$missing" >&2; exit 1; }

# The rooms' locks are cut out of the root's, so that both ends of the wire get the same versions.
lock: $(UV)  ## Resolve the versions anew, for Python 3.11
	$(LOCK_UV) --group dev $(addsuffix /pyproject.toml,$(ROOMS)) -o requirements.lock
	for room in $(ROOMS); do \
	  $(LOCK_UV) -c requirements.lock $$room/pyproject.toml -o $$room/requirements.lock || exit 1; \
	done
	$(LOCK_UV) -c requirements.lock --group test -o tests/requirements.lock

clean:  ## Remove all that was made, .venv included
	rm -rf build .venv .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

ci: lint types test test-rooms  ## What must pass before a change lands

# uv comes by pip, with the version and the hashes that the lock names.
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Stagewire needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@mkdir -p build
	@$(PYTHON) -m venv .venv
	@awk '/^[^ ]/ {mine = /^uv==/} mine && !/^ *#/' requirements.lock > build/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r build/uv.lock

$(READY): $(UV) requirements.lock $(addsuffix /pyproject.toml,$(ROOMS))
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(addprefix -e ./,$(ROOMS))
	@touch $@

# Not editable, and nothing there but the room, the wire and the tools of the tests: an undeclared import fails.
.PHONY: $(addprefix test-room-,$(ROOMS))
$(addprefix test-room-,$(ROOMS)): test-room-%: $(READY)
	@if [ ! -d tests/$* ]; then echo "test-rooms: no tests/$* yet"; exit 0; fi; set -e; \
	  echo "== $* alone"; room=build/rooms/$*; \
	  $(UV) venv --quiet --clear --python $(BIN)/python $$room; \
	  $(UV) pip install --quiet --python $$room/bin/python --require-hashes \
	    -r $*/requirements.lock -r tests/requirements.lock; \
	  $(UV) pip install --quiet --python $$room/bin/python --no-deps --reinstall $(sort ./shared ./$*); \
	  $$room/bin/python -Im pytest -m "not containers" tests/$*
