# One entry a task. Nothing need be installed but make and Python 3.11 to 3.13; `make help` lists the tasks.
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
# Environments of their own: version 2 of the SageMaker SDK (300 MB) wants an older rich, attrs and packaging, and
# version 3 does not stand beside it.
NOTEBOOK := build/notebook-env
SDK3 := build/sdk3-env

.DEFAULT_GOAL := help
.PHONY: help demo up test test-containers test-rooms test-notebook test-sdk3 lint types bench bench-quick \
	bench-parts bench-door bench-lock drill images sbom audit lock clean ci

help:  ## List the tasks
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(READY)  ## Train, package, serve, score held-out rows, stop
	@$(BIN)/stagewire demo

up: $(READY)  ## The same chain, left running until Ctrl-C (PORT=8080)
	@$(BIN)/stagewire demo --keep --port $(PORT)

test: $(READY)  ## All tests that need no container
	@$(BIN)/python -Im pytest -m "not containers and not notebook and not sdk3"

test-containers: $(READY)  ## The tests that need a Docker Engine
	@$(BIN)/python -Im pytest -m "containers and not notebook" tests/containers tests/contract tests/deploy tests/wire

test-notebook: $(NOTEBOOK)/ready  ## The deploy notebook, and deploying by the SageMaker SDK
	@$(NOTEBOOK)/bin/python -Im pytest -m notebook tests/deploy

test-sdk3: $(READY) $(SDK3)/ready  ## The same deployment by version 3 of the SDK; not part of CI
	@STAGEWIRE_SDK3=$(CURDIR)/$(SDK3)/bin/python $(BIN)/python -Im pytest -m sdk3 tests/deploy

test-rooms: $(addprefix test-room-,$(ROOMS))  ## Each room's tests in an environment of that room alone

lint: $(READY)  ## Style, format and the direction of imports
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports --cache-dir build/import-linter

types: $(READY)  ## mypy and pyright, both strict
	@$(BIN)/mypy
	@$(BIN)/pyright

# Half an hour; a run that was interrupted continues where it stopped.
bench: $(READY)  ## Measure the chain against its rivals and write bench/results.md
	@$(BIN)/python bench/run.py
	@$(BIN)/python bench/report.py

bench-parts: $(READY)  ## Measure parts: the plans against their libraries, and /ping under load
	@$(BIN)/python bench/featurizer_plan.py
	@$(BIN)/python bench/predictor_plan.py
	@$(BIN)/python bench/ping.py

bench-door: $(READY)  ## Measure what the door adds to two containers that do nothing
	@$(BIN)/python bench/door.py

drill: $(READY)  ## Kill containers, instances and the door under 64 clients, 10,000 requests each
	@$(BIN)/python bench/drill.py

# Each rival gets the newest that fits its own requirements, with the models' libraries at our versions.
bench-lock: $(UV)  ## Resolve the versions of the benchmark's rivals anew
	for file in bench/contenders/*/requirements.in; do \
	  folder=$$(dirname $$file); overrides=$$folder/overrides.txt; \
	  $(UV) pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-header \
	    $$(test -f $$overrides && echo --override $$overrides) $$file -o $$folder/requirements.lock || exit 1; \
	done

# Reports what misses its gate, but fails only for a wrong answer: times vary on a shared machine.
bench-quick: $(READY)  ## The headline figures against four rivals, in three minutes
	@$(BIN)/python bench/run.py --quick

images: $(READY)  ## Build the images with Docker
	@$(BIN)/stagewire images build

# What is in each image, as its own Python lists it; the tool is not installed in the image.
sbom: images  ## Write each image's bill of materials and licences to build/
	@for room in $(IMAGES); do \
	  $(BIN)/python .ci/sbom.py $$room || exit 1; \
	done

# Needs the network: it asks PyPI's advisories. Strict, so that a package that cannot be looked up is a failure.
audit: $(READY)  ## Look for known vulnerabilities in what the images install
	@for room in $(IMAGES); do \
	  $(BIN)/pip-audit --strict --require-hashes --disable-pip --requirement $$room/requirements.lock || exit 1; \
	done

# The rooms' locks are cut out of the root's, so that both ends of the wire get the same versions. Those of the
# notebook and of the SDK's version 3 start as its copies with their own behind: uv keeps the first version that fits.
lock: $(UV)  ## Resolve the versions anew, for Python 3.11
	$(LOCK_UV) --group dev $(addsuffix /pyproject.toml,$(ROOMS)) -o requirements.lock
	for room in $(ROOMS); do \
	  $(LOCK_UV) -c requirements.lock $$room/pyproject.toml -o $$room/requirements.lock || exit 1; \
	done
	$(LOCK_UV) -c requirements.lock --group test -o tests/requirements.lock
	cat requirements.lock pipeline/notebook-requirements.lock > build/notebook.lock && $(LOCK_UV) --no-emit-package stagewire-pipeline --extra notebook \
	  --extra docker --group test $(addsuffix /pyproject.toml,$(ROOMS)) -o build/notebook.lock
	mv build/notebook.lock pipeline/notebook-requirements.lock
	cat requirements.lock pipeline/sdk3-requirements.lock > build/sdk3.lock && $(LOCK_UV) --no-emit-package stagewire-pipeline --extra sdk3 \
	  pipeline/pyproject.toml -o build/sdk3.lock
	mv build/sdk3.lock pipeline/sdk3-requirements.lock

clean:  ## Remove all that was made, .venv included
	rm -rf build .venv .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

ci:  ## What must pass before a change lands, with a Docker Engine
	@.ci/run

# uv comes by pip, with the version and the hashes that the lock names.
$(UV):
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; new = "too new for the locked libraries"; \
	  sys.exit("$(PYTHON) is " + ("too old" if v < (3, 11) else new) if not (3, 11) <= v < (3, 14) else 0)' || \
	  { echo "Stagewire needs Python 3.11 to 3.13; name one with: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Installing what requirements.lock names into .venv, once" >&2
	@mkdir -p build
	@$(PYTHON) -m venv .venv
	@awk '/^[^ ]/ {mine = /^uv==/} mine && !/^ *#/' requirements.lock > build/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r build/uv.lock

$(READY): $(UV) requirements.lock $(addsuffix /pyproject.toml,$(ROOMS))
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(addprefix -e ./,$(ROOMS))
	@touch $@

$(NOTEBOOK)/ready: $(READY) pipeline/notebook-requirements.lock
	@$(UV) venv --quiet --clear --python $(BIN)/python $(NOTEBOOK)
	@$(UV) pip install --quiet --python $(NOTEBOOK)/bin/python --require-hashes -r pipeline/notebook-requirements.lock
	@$(UV) pip install --quiet --python $(NOTEBOOK)/bin/python --no-deps $(addprefix -e ./,$(ROOMS))
	@touch $@

$(SDK3)/ready: $(UV) pipeline/sdk3-requirements.lock
	@$(UV) venv --quiet --clear --python $(BIN)/python $(SDK3)
	@$(UV) pip install --quiet --python $(SDK3)/bin/python --require-hashes -r pipeline/sdk3-requirements.lock
	@touch $@

# Not editable, and nothing there but the room, the wire where it imports it, and the tools of the tests: an undeclared
# import fails. The door imports nothing of the wire.
.PHONY: $(addprefix test-room-,$(ROOMS))
$(addprefix test-room-,$(ROOMS)): test-room-%: $(READY)
	@if [ ! -d tests/$* ]; then echo "test-rooms: no tests/$* yet"; exit 0; fi; set -e; \
	  echo "== $* alone"; room=build/rooms/$*; \
	  $(UV) venv --quiet --clear --python $(BIN)/python $$room; \
	  $(UV) pip install --quiet --python $$room/bin/python --require-hashes \
	    -r $*/requirements.lock -r tests/requirements.lock; \
	  $(UV) pip install --quiet --python $$room/bin/python --no-deps --reinstall $(sort $(if $(filter local,$*),,./shared) ./$*); \
	  $$room/bin/python -Im pytest -m "not containers" tests/$*
