# Bellwether. A fresh machine needs make and a Python (3.11 to 3.13), nothing else.
#   make demo                          see real scoring on a real Kafka
#   make test                          see it proven
#   make test PYTHON=python3.13        with another Python (an environment of its own)
#   make install TORCH_BACKEND=cpu     without the CUDA libraries, where a CPU build of torch can be had

PYTHON ?= python3
TORCH_BACKEND ?=
ARGS ?=

VENV := $(if $(filter-out python3,$(PYTHON)),.venv-$(notdir $(PYTHON)),.venv)
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
MOTO_VERSION := 5.2.5
UV := $(VENV)/uv/bin/uv
STAMP := $(VENV)/.installed
SOURCES := bellwether streams trainer models wire runtime tests

export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint types bench chaos docs constraints clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo "  variables: PYTHON=python3.13  TORCH_BACKEND=cpu  ARGS='--limit 500' (for demo, test, bench and chaos)"

install: $(STAMP) ## create the environment, bring Kafka and the encoders, build the signed model versions

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
	  { echo "error: $(PYTHON) is `$(PYTHON) --version`; Bellwether needs Python 3.11 to 3.13: make install PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV)/uv || \
	  { echo "error: $(PYTHON) cannot create environments; on Debian: apt-get install python3-venv"; exit 1; }
	@$(VENV)/uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(STAMP): pyproject.toml constraints.txt | $(UV)
	@test -x $(BIN)/python || $(UV) venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
	$(UV) pip install --python $(VENV) --constraint constraints.txt $(if $(TORCH_BACKEND),--torch-backend $(TORCH_BACKEND)) --editable '.[dev]'
	@# An S3 server for the tests, in an environment of its own: its botocore and Faust ask for other urllib3s.
	$(UV) venv --quiet --allow-existing --python $(BIN)/python $(VENV)/moto
	$(UV) pip install --quiet --python $(VENV)/moto 'moto[server]==$(MOTO_VERSION)'
	@# Transformers without us, for the tests of what it loads alone; files are links to those of uv's cache.
	$(UV) venv --quiet --allow-existing --python $(BIN)/python $(VENV)/plain
	$(UV) pip install --quiet --python $(VENV)/plain --constraint constraints.txt \
	  $(if $(TORCH_BACKEND),--torch-backend $(TORCH_BACKEND)) torch transformers
	$(BIN)/bellwether models build
	$(BIN)/bellwether encoders get bge-small-zh  # for the Chinese example and its test
	@touch $@

demo: install ## replay the built-in stream through a real Kafka and score it, about a minute
	$(BIN)/bellwether demo $(ARGS)

test: install ## run all tests (a real Kafka is started for them)
	$(BIN)/pytest $(ARGS)

check: lint types test ## everything that CI runs

lint: install ## ruff, format, import contracts
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/lint-imports --no-cache

types: install ## mypy (strict) and basedpyright, at the same time: each keeps one core busy
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target mypy basedpyright

mypy basedpyright: install
	$(BIN)/$@

bench: install ## the benchmarks whose figures the README quotes
	$(BIN)/bellwether bench engine $(ARGS)
	$(BIN)/bellwether bench line $(ARGS)
	$(BIN)/bellwether bench versions $(ARGS)
	$(BIN)/bellwether bench shadow $(ARGS)
	$(BIN)/bellwether bench swap $(ARGS)

chaos: install ## break the line in every known way, most of an hour; writes the tables of docs/reliability.md
	$(BIN)/bellwether chaos broken --report docs/reliability.md
	$(BIN)/bellwether chaos all --times --report docs/reliability.md $(ARGS)

docs: install ## write docs/commands.md anew from the commands' own help
	$(BIN)/python -m bellwether.cli.reference > docs/commands.new
	@mv docs/commands.new docs/commands.md

constraints: $(UV) ## choose versions anew and write constraints.txt
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev --no-header --no-annotate \
	  pyproject.toml --output-file constraints.new
	@{ sed -n '/^#/p;/^$$/q' constraints.txt; echo; cat constraints.new; } > constraints.tmp
	@mv constraints.tmp constraints.txt && rm constraints.new

clean: ## remove environments, caches and build results of this folder (not the caches per user)
	rm -rf .venv .venv-* dist var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
