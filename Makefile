# `make demo` and `make test` are all a fresh machine needs: Debian or Ubuntu with python3 >= 3.10, its venv module and make.

PYTHON ?= python3
CONSTRAINTS ?= -c constraints.txt
VENV := .venv
BIN := $(VENV)/bin
DEMO := runs/demo

.PHONY: demo test quick lint clean

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) --editable '.[test]'
	touch $@

demo: $(VENV)/.installed
	rm -rf $(DEMO)
	$(BIN)/edgesynth evolve --ancestor lenet5 --task digits --min-accuracy 97 --max-synapses 13000 --max-clusters 145 --epochs 15 --final-epochs 80 --run $(DEMO)
	$(BIN)/edgesynth export $(DEMO):g000-c0 -o $(DEMO)/bundles/ancestor
	$(BIN)/edgesynth export $(DEMO) --int8 -o $(DEMO)/bundles/best
	$(BIN)/edgesynth benchmark $(DEMO)/bundles/ancestor
	$(BIN)/edgesynth benchmark $(DEMO)/bundles/best
	$(BIN)/edgesynth report $(DEMO)

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m "not index"

quick: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile -m "not slow and not index"

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) runs build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
