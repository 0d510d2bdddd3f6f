# flux2flow: `make demo` renders the example campaign, `make test` passes the tests. Both install first, into .venv.
PYTHON ?= python3
TORCH ?= torch==2.13.0
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu
export TORCH TORCH_CPU_INDEX
BIN := .venv/bin
DEMO := examples/aurora/campaign.yaml
CODE := flux2flow engine/flux2engine tests .ci brand_kits examples
LONG := PYTHONPATH=.:engine $(BIN)/python

.PHONY: help demo test check format lint types contracts docs install lock fault identity torture bench clean

help:  ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install:  ## Install everything into .venv (does nothing the second time)
	@$(PYTHON) .ci/preflight.py
	@$(PYTHON) .ci/install.py

demo: install  ## Render the example campaign
	$(BIN)/flux2flow render $(DEMO)

test: install  ## Pass the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile

check: lint types contracts test  ## Format, lint, types, import contracts, tests; the documents are among the tests

format: install  ## Write the house format
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

lint: install
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)

types: install
	$(BIN)/mypy

contracts: install
	$(BIN)/lint-imports --no-cache

docs: install  ## Run what the documents say
	$(BIN)/python -m pytest -q tests/test_docs.py

lock: install  ## Write requirements.lock again (hashes, no addresses; torch and its GPU packages left out)
	$(BIN)/python .ci/lock.py

fault: install  ## Long: 40 kills, byte identity over 5 runs; log in tests/fault/logs/
	$(LONG) tests/fault/kill.py --kills 40 --log tests/fault/logs
	$(BIN)/python -m pytest -q -m long tests

identity: install  ## Long: charts, banners and fifteen scripts, the same bytes in 20 runs; log in tests/fault/logs/
	PYTHONPATH=.:engine nice $(BIN)/python tests/fault/identity.py --runs 20 --log tests/fault/logs

torture: install  ## Long: 4,500 strings beside Chromium's, seeded defects, random boxes, all bidi data
	FLUX2FLOW_TORTURE=1 FLUX2FLOW_RANDOM_BOXES=1000 $(BIN)/python -m pytest -q -n 2 -m "long or not long" \
		tests/torture tests/typography/conformance tests/typography/test_random_boxes.py tests/validation/faults

bench: install  ## Long: start-up, painting, setting, encoding; log in tests/bench/logs/
	$(LONG) tests/bench/bench.py --log tests/bench/logs

clean:  ## Remove .venv and everything rendered
	rm -rf .venv examples/*/build examples/*/.flux2flow
