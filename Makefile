# make demo   the whole path on a shipped checkpoint: export, check, bench, report
# make test   ruff, mypy and the fast tests (make slow, others, test-store, test-arm64: what takes longer or more packages)
# make fuzz    20,000 mutated inputs through every reader; what fails is kept in build/fuzz
# make kill    200 processes killed at drawn moments, and the same command run again (Linux)
# make coverage   the fast tests with their coverage, and the floor that it must not fall below
# make docs   what is generated in README.md and docs/; make site: the pages as a site, in build/site
# Each makes .venv and installs what it needs on first use; later calls install nothing.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
# The tested versions are for Python 3.11; elsewhere pip chooses within the bounds of pyproject.toml.
TESTED := $(shell $(PYTHON) -c 'import sys; print("-c constraints.txt" if sys.version_info[:2] == (3, 11) else "")')
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(TESTED)
# torch first: whatever depends on it must find this build and not fetch another.
TORCH := torch==2.13.0
TRITON := triton==3.9.0
SERVER := build/server
TRITON_SERVER := nvidia-pytriton==0.7.0 onnxruntime==1.32.0

# A core that has done its share takes over tests of the other: the last minute keeps both busy.
TWO_CORES := -n 2 --dist worksteal
LEAST_COVERAGE := 93

WHEELS := build/tensorrt-wheels
BINDINGS := tensorrt-cu12-bindings==10.3.0 tensorrt-cu12-bindings==10.13.3.9 \
  tensorrt-cu13-bindings==10.16.1.11 tensorrt-cu13-bindings==11.4.0.106

.PHONY: demo test tensorrt-wheels others test-triton test-server test-fleet test-toy test-store test-arm64 lint slow fuzz kill coverage docs site clean

demo: $(VENV)/.ready-demo
	$(BIN)/dlgsanet demo -o demo

test: lint tensorrt-wheels
	$(BIN)/python -m pytest $(TWO_CORES)

lint: $(VENV)/.ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Bindings of several TensorRT versions (1.2 MB each, without NVIDIA's libraries): builder and runner are held against
# them. What cannot be had leaves its tests skipped, with the reason.
tensorrt-wheels: $(WHEELS)/.ready

$(WHEELS)/.ready: | $(VENV)/.ready-test
	mkdir -p $(WHEELS)
	for one in $(BINDINGS); do $(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps \
	  --only-binary :all: --dest $(WHEELS) $$one || echo "not to be had: $$one"; done
	touch $@

# The Triton operators by Triton's interpreter: no GPU needed, but a package of 280 MB.
test-triton: $(VENV)/.ready-triton
	$(BIN)/python -m pytest tests/dlgsanet/kernels/test_dynamic_conv_triton.py

# A model server for real: Triton in an environment of its own (NVIDIA's wheel wants an older NumPy).
test-server: $(VENV)/.ready-test $(SERVER)/.ready
	TRITON_ENVIRONMENT=$(abspath $(SERVER)) $(BIN)/python -m pytest -m slow tests/runtimes/backends/kserve

$(SERVER)/.ready:
	$(PYTHON) -m venv $(SERVER)
	$(SERVER)/bin/python -m pip install --quiet --disable-pip-version-check $(TRITON_SERVER)
	touch $@

# Many machines: clusters of several nodes on this one (Ray with pyarrow and pandas, 180 MB).
test-fleet: $(VENV)/.ready-fleet
	$(BIN)/python -m pytest -m slow tests/runtimes/upscale/fleet

# A backend of others, installed as a package of its own, goes the whole path.
test-toy: $(VENV)/.ready-test
	$(BIN)/python -m pytest -m slow tests/project/test_toy_backend.py

# The tests that need more than `make test` installs, at once: they are different packages' and wait a lot.
others: $(VENV)/.ready-triton $(VENV)/.ready-fleet $(SERVER)/.ready
	$(MAKE) --output-sync --jobs 2 test-fleet test-triton test-server test-toy

# An object store for real: S3 as moto's server speaks it.
test-store: $(VENV)/.ready-fleet
	$(PIP) s3fs "moto[server]"
	$(BIN)/python -m pytest -m slow tests/runtimes/upscale/fleet/test_object_store.py

# What a Jetson or a Raspberry Pi runs, on its instructions: needs root, Debian's mmdebstrap and qemu-user-static, half an hour.
test-arm64:
	PYTHON=$(PYTHON) containers/test-on-arm64.sh build/arm64

slow: $(VENV)/.ready-test
	$(BIN)/python -m pytest -m slow

# All follows from the seed; `-o FILE` keeps the counts.
fuzz: $(VENV)/.ready-test
	$(BIN)/python -m tests.fuzz 20000

kill: $(VENV)/.ready-test
	$(BIN)/python -m tests.fuzz.kills --moments 200

# Of child processes too. docs/coverage.json is what `make docs` shows.
coverage: $(VENV)/.ready-test
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest $(TWO_CORES)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage json --quiet -o build/coverage.json
	$(BIN)/python -m docs.tables.coverage build/coverage.json
	$(BIN)/python -m coverage report --format=total --fail-under=$(LEAST_COVERAGE)

docs: $(VENV)/.ready-test
	$(BIN)/python -m docs.update_tables

# Strict: a broken link or a page outside the navigation fails. Needs no network, and of packages only the site's.
site: $(VENV)/.ready-site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready-demo: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) $(TORCH)
	$(PIP) --editable ".[all]"
	touch $@

$(VENV)/.ready-test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) $(TORCH)
	$(PIP) --editable ".[all,dev]"
	touch $@ $(VENV)/.ready-demo $(VENV)/.ready-site

$(VENV)/.ready-triton: | $(VENV)/.ready-test
	$(PIP) $(TRITON)
	touch $@

$(VENV)/.ready-fleet: pyproject.toml | $(VENV)/.ready-test
	$(PIP) --editable ".[fleet]"
	touch $@

$(VENV)/.ready-site: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable ".[site]"
	touch $@

clean:
	rm -rf $(VENV) demo build dist *.egg-info .coverage*
