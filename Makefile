# Two commands do everything on a machine that has Python 3.11 and make:
#   make demo          the whole story in one run; make demo KEEP=1 leaves it running
#   make test          lint, types, import contracts, tests on both databases, coverage, openapi.yaml
.PHONY: help demo test lint fix lock openapi bench soak throughput fuzz clean

help:
	@sed -n '2,3p' Makefile | sed 's/^#   //'

demo:
	@tools/setup run
	@KEEP=$(KEEP) .venv/bin/python -m demo

test:
	@tools/setup dev
	@tools/test

lint:
	@tools/setup dev
	@tools/test lint

fix:
	@tools/setup dev
	@.venv/bin/ruff check --fix . && .venv/bin/ruff format .

openapi:
	@tools/setup dev
	@.venv/bin/python tools/openapi

lock:
	@tools/setup dev
	@tools/lock

bench:
	@tools/setup dev
	@.venv/bin/python -m bench.packet
	@.venv/bin/python -m bench.signature
	@.venv/bin/python -m bench.large_document

# ARGS="--documents 200 --seed 7" and the like; docs/proof.md
soak:
	@tools/setup dev
	@.venv/bin/python -m bench.soak $(ARGS)

# an hour or so with its defaults; ARGS=--quick is a minute
throughput:
	@tools/setup dev
	@.venv/bin/python -m bench.throughput $(ARGS)

# SECONDS=600 is how long; RUNS=20000 instead counts inputs
fuzz:
	@tools/setup dev
	@.venv/bin/python fuzz/reader.py $(if $(RUNS),-runs=$(RUNS),-max_total_time=$(or $(SECONDS),600))

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .fuzz .coverage* .branches.json
