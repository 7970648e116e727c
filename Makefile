# Everything runs in a virtual environment of its own; each target does all the set-up it needs, once.
VENV := .venv
READY := $(VENV)/ready
PYTHON ?= python3
ABREAST := --numprocesses logical --maxprocesses 8 --dist worksteal  # one test process a core
export TORCH_EXTENSIONS_DIR := $(CURDIR)/$(VENV)/torch-extensions

.PHONY: demo test slow lint types clean

demo: $(READY)  ## the main job: train, merge, and show the front
	$(VENV)/bin/search launch distill-digits
	@echo "  $(VENV)/bin/search launch two-views-digits                  the next study"

test: $(READY)  ## the fast suite
	$(VENV)/bin/python -m pytest -q $(ABREAST)

slow: $(READY)  ## what takes longer
	$(VENV)/bin/python -m pytest -q -m slow $(ABREAST)

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(READY)
	$(VENV)/bin/mypy

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[test]"
	@touch $(READY)

clean:
	rm -rf $(VENV) build *.egg-info
