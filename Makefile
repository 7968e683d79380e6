# Lightline: run it, test it, measure it. Every target makes what it needs.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
# One exact build of PyTorch, so that every machine trains and tests with the same one.
TORCH := torch==2.13.0

.PHONY: run test lint bench measure learn models constraints clean help

help:
	@echo "make run      start the service with a simulated instrument, and print the address of its page"
	@echo "make test     run every test"
	@echo "make lint     check style, types and the direction of imports"
	@echo "make bench    measure what is fast, side by side with the alternatives"
	@echo "make measure  measure how well models and detection do"
	@echo "make models   simulate cells and train sheet-wbc and stretch-wbc again, which come with Lightline; minutes"
	@echo "make learn    measure what encoders make of real images, and repeat the transfer study; hours"

run: $(VENV)/.run
	$(BIN)/lightline run

# Kernels are compiled once for both processes; each computes with one thread, as threads of two would wait for one another.
test: export OMP_NUM_THREADS = 1
test: export OPENBLAS_NUM_THREADS = 1
test: $(VENV)/.test
	$(BIN)/python tests/compile_kernels.py
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

measure: $(VENV)/.test
	$(BIN)/python -m benchmarks.measure $(ONLY)

learn: $(VENV)/.test
	$(BIN)/python -m benchmarks.digits
	$(BIN)/python -m benchmarks.jurkat
	$(BIN)/python -m benchmarks.pbc
	$(BIN)/python -m benchmarks.transfer

# A share of the rare kinds above what blood has, so that there are enough of each to learn from. Of the runs, the last one
# measures and the one before it stops the training; the sample is what their contracts say in 'command'.
BLOOD := sample=wbc:0.75,eosinophil:0.125,monocyte:0.125
train_shipped = $(BIN)/lightline train classifier2d $(foreach seed,$(3),--data 'sim:$(2)$(BLOOD)&seed=$(seed)') \
	--cells 500 --clusters 4 --out inference/bundles/$(1).bundle

models: $(VENV)/.test
	$(call train_shipped,sheet-wbc,sheet-ci?,401 402 403 404 405 406 407 408)
	$(call train_shipped,stretch-wbc,stretch-ci?,401 402 403 404 405 406)
	$(call train_shipped,atom-wbc,atom-4g?loop=none&,401 402 403 404 405 406)

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Lightline needs Python 3.11 or newer; '$(PYTHON)' is not. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing Lightline into $(VENV) ..."
	$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run pyproject.toml constraints.txt
	@echo "Installing what tests and training need into $(VENV) ..."
	$(PIP) install $(TORCH)
	$(PIP) install --constraint constraints.txt --editable '.[train,importers,export,spectrum,mie,postgres,cluster,umap,dev]'
	@touch $@

# Every version that is installed, Lightline itself left out.
constraints: $(VENV)/.test
	@{ echo "# Every version that the project is built and tested with; regenerate with 'make constraints'."; \
	   $(PIP) freeze --exclude-editable | grep -v -i -E '^(nvidia-|triton)' | sed 's|^\(torch==[^+]*\)+.*|\1|'; } > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf $(VENV)/.run $(VENV)/.test build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
