# Two commands do everything on a machine that has Python 3.11+ and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SECONDS ?=

# Debian packages that only some tests need; installed when run as root, else those tests say what is missing.
DEBIAN := gcc libc6-dev curl nginx-light haproxy wrk prometheus chromium

.PHONY: demo test check bench apt peers bench-peers lowest format docs clean
.DELETE_ON_ERROR:

demo: $(VENV)/.product
	$(BIN)/sidecar demo $(if $(SECONDS),--seconds $(SECONDS))

test: $(VENV)/.tests apt peers lowest
	@status=0; \
	$(BIN)/python -m tests.run all || status=1; \
	$(LOWEST)/bin/python -m tests.run lowest || status=1; \
	exit $$status

check: $(VENV)/.tests
	$(BIN)/python -m tests.run check

bench: $(VENV)/.tests apt bench-peers .bench-compiled/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m benchmarks.run

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "sidecar: expected Python >= 3.11, got " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.product: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.tests: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@ $(VENV)/.product

apt:
	@sh tests/install-debian.sh $(DEBIAN)

# Real model servers and their clients live in environments of their own: their dependencies are not ours.
peers: .venv-peers/.mlserver .venv-peers-openai/.installed .venv-peers-kserve/.installed
.venv-peers/.mlserver: tests/e2e/requirements-mlserver.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@
.venv-peers-%/.installed: tests/e2e/requirements-%.txt
	$(PYTHON) -m venv .venv-peers-$*
	.venv-peers-$*/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# The tools beside which the statistics are measured, where their dependencies (numpy, pandas) do not quarrel with others.
BENCH_PEERS := streaming evidently nannyml whylogs alibi
bench-peers: $(BENCH_PEERS:%=.venv-bench-peers-%/.installed)
.venv-bench-peers-%/.installed: benchmarks/requirements-%.txt
	$(PYTHON) -m venv .venv-bench-peers-$*
	.venv-bench-peers-$*/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# What the proxy's benchmark measures beside the checkout: the worker compiled, as the image has it.
.bench-compiled/.installed: setup.py $(shell find sidecar kernels -name '*.py')
	rm -rf .bench-compiled
	SIDECAR_COMPILE=1 $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target .bench-compiled .
	touch $@

# The lowest versions that pyproject.toml allows, tested as well.
LOWEST := .venv-lowest
lowest: $(LOWEST)/.tests
$(LOWEST)/.tests: pyproject.toml tests/lowest.py
	$(PYTHON) -m venv $(LOWEST)
	$(PYTHON) tests/lowest.py > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[parquet,river,dask]' \
	  pytest pytest-timeout pytest-rerunfailures hypothesis scipy trustme h11 --constraint $(LOWEST)/constraints.txt
	touch $@

format: $(VENV)/.tests
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.tests
	$(BIN)/python -m tests.generate

clean:
	rm -rf $(VENV) .bench-compiled .venv-peers .venv-peers-openai .venv-peers-kserve $(LOWEST) .venv-bench-peers-* .mypy_cache .ruff_cache .pytest_cache .hypothesis
