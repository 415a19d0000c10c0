# make run: the first result. make test, make check: what every change must pass. make bench: how fast it is. make fuzz: what damage and kills do.

PYTHON3 ?= python3
PIP := .venv/bin/python -m pip install -qq --disable-pip-version-check

# Real data, where a checkout has it beside it.
ifneq ($(wildcard ../shared/data),)
export CIMLEARN_DATA ?= $(abspath ../shared/data)
endif

.PHONY: run test check bench fuzz clean

run: .venv/run-installed
	.venv/bin/cimlearn run m2ru --set stream.examples=6000 --set stream.held_out=2000

test: .venv/test-installed
	.venv/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: .venv/test-installed
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/python -m cimlearn show m2ru --json > /dev/null
	.venv/bin/python -m cimlearn show sas-mram --json > /dev/null
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet

bench: .venv/test-installed
	.venv/bin/python benchmarks/table.py

# Random damage and kills; FUZZ_SECONDS=3600 make fuzz for an hour.
fuzz: .venv/test-installed
	.venv/bin/python scripts/fuzz.py --seconds $(or $(FUZZ_SECONDS),600)

clean:
	rm -rf .venv build dist site .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/run-installed: pyproject.toml constraints.txt
	$(PYTHON3) -m venv .venv
	$(PIP) -c constraints.txt -e '.[mnist]'
	touch $@

.venv/test-installed: pyproject.toml constraints.txt
	$(PYTHON3) -m venv .venv
	$(PIP) -c constraints.txt -e '.[mnist,torch,study,river,tensorboard,mlflow,docs,dev]'
	touch $@
