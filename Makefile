# Everything a newcomer needs: `make demo` and `make test`. Both build the virtual environment first.
PYTHON ?= python3
VENV   ?= .venv
JOBS   ?= 2
BIN    := $(VENV)/bin
# Two OpenMP threads that spin are 10-30 times slower than one on small machines.
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= PASSIVE
export TOKENIZERS_PARALLELISM ?= false
export MPLBACKEND ?= Agg

.PHONY: demo numbers test check slow mutants format clean

$(VENV)/.stamp: pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "microtome needs Python 3.11 or newer"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: $(VENV)/.stamp
	$(BIN)/microtome demo

# Every number of the specimen in README and docs, from the demo's runs. ARGS=--check says what differs.
numbers: $(VENV)/.stamp
	$(BIN)/microtome demo
	$(BIN)/python tools/docs_numbers.py $(ARGS)

test: $(VENV)/.stamp
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m 'not slow'

check: $(VENV)/.stamp
	$(BIN)/ruff format --check src tests tools
	$(BIN)/ruff check src tests tools
	$(BIN)/mypy
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m 'not slow and not medium'

slow: $(VENV)/.stamp
	$(BIN)/python -m pytest -m slow --timeout=3600

# Are the tests such that a wrong line would be seen? Hours; stopped and started again at will.
mutants: $(VENV)/.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check coverage
	$(BIN)/python tools/mutants.py map
	$(BIN)/python tools/mutants.py named
	$(BIN)/python tools/mutants.py run

format: $(VENV)/.stamp
	$(BIN)/ruff format src tests tools
	$(BIN)/ruff check --fix src tests tools

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
