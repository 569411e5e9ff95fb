# The project's few commands. Each makes the environment first when it is missing or out of date.
.PHONY: setup demo test check bench-quick docs release clean

PYTHON := $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALLED := .venv/.installed
INSTALLED_DOCS := .venv/.installed-docs

# Two busy threads on two slow cores are slower than one; a larger machine sets its own number.
export OMP_NUM_THREADS ?= 1

# nnU-Net, which tests train, and check exports by. Without its dependencies: timm, one of these, brings
# torchvision, which breaks transformers.
NNUNET := nnunetv2 dynamic-network-architectures batchgenerators batchgeneratorsv2 acvl-utils SimpleITK \
	seaborn connected-components-3d imagecodecs blosc2 ndindex numexpr

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "medpair needs Python 3.11; '$(PYTHON)' is another. Install python3.11, or: make setup PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt --no-deps $(NNUNET)
	@touch $@

demo: setup
	$(BIN)/medpair demo

# Files are shared out, so that what a file's tests make once is made once, those that take long first (see
# tests/conftest.py). 2 GB of memory each.
JOBS ?= 2
test: setup
	$(BIN)/pytest -m "not gpu" -n $(JOBS) --dist loadfile --no-loadscope-reorder

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest

# What has become a third slower than benchmarks/recorded/speed.json, beside what it is compared with.
bench-quick: setup
	$(BIN)/python -m benchmarks.speed --quick --hold

$(INSTALLED_DOCS): $(INSTALLED)
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

docs: $(INSTALLED_DOCS)
	$(BIN)/typer flows.console.cli utils docs --name medpair --title Commands --output docs/cli.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# What goes out: a wheel, installed alone in an environment of its own, through a short run.
release: setup
	rm -rf dist
	$(BIN)/pip wheel --disable-pip-version-check --no-deps -w dist .
	$(PYTHON) -m venv dist/venv
	dist/venv/bin/pip install --disable-pip-version-check -c constraints.txt dist/*.whl
	cd dist && venv/bin/medpair run demo --set grid.replicates=4 --set utility=null --set gates={} --home home
	ls -lh dist/*.whl

clean:
	rm -rf site build dist *.egg-info
