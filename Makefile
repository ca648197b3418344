# The project's doors: make demo, make test, make lint, make docs, make clean.
# Two virtual environments, made from nothing: .venv holds the package as a user installs it, .venv-test the tree as a
# developer edits it. They are made anew only when the packaging files change. Index settings are pip's own.

PYTHON ?= python3
DEMO_OUTPUT ?= demo_output
PYTEST_ARGS ?=

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

PACKAGING := setup.py pyproject.toml constraints.txt
SOURCES := $(shell find monai_strainer bundles -type f -not -name '*.pyc' -not -path '*/eval/*' -not -path '*/runs/*')
USER_BIN := .venv/bin
TEST_BIN := .venv-test/bin
RELEASE_BIN := .venv-release/bin
# A process per processor, each with one thread: two that share the work of a matrix product would wait for each other.
TESTS := OMP_NUM_THREADS=1 $(TEST_BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile

.PHONY: help demo test coverage external gpu lint docs dist sbom clean

help:
	@echo "make demo   restore a public scan; see $(DEMO_OUTPUT)/"
	@echo "make test   run the tests"
	@echo "make coverage   run the tests, and say which lines none of them runs"
	@echo "make external   install other people's programs and let them judge"
	@echo "make gpu    run the tests that need an accelerator, and measure it"
	@echo "make lint   check style and types"
	@echo "make docs   build the documentation into site/"
	@echo "make dist   build the distributions into dist/ and check them"
	@echo "make sbom   list what an install brings, as CycloneDX: sbom.cdx.json"
	@echo "make clean  remove all that make made"

demo: .venv/.installed
	$(USER_BIN)/monai-strainer demo --output $(DEMO_OUTPUT)

test: .venv-test/.installed
	$(TESTS) $(PYTEST_ARGS)

# Python 3.12 and newer watch lines at next to no cost (sys.monitoring).
coverage: .venv-test/.installed
	COVERAGE_CORE=$$($(TEST_BIN)/python -c "import sys; print('sysmon' if sys.version_info >= (3, 12) else 'ctrace')") \
	$(TESTS) --cov --cov-report=term $(PYTEST_ARGS)

external: .venv-test/.installed
	tests/external/install.sh $(abspath $(TEST_BIN)/python)
	$(TEST_BIN)/python -m pytest tests/external -m external $(PYTEST_ARGS)

gpu: .venv-test/.installed
	$(TEST_BIN)/python -m pytest tests/gpu -m gpu -rs $(PYTEST_ARGS)
	if $(TEST_BIN)/python -c "import torch; raise SystemExit(not torch.cuda.is_available())"; \
	then $(TEST_BIN)/python benchmarks/accelerator.py; else echo "no accelerator: nothing to measure"; fi

lint: .venv-test/.installed
	$(TEST_BIN)/ruff check .
	$(TEST_BIN)/ruff format --check .
	$(TEST_BIN)/mypy

docs: .venv-test/.installed
	$(TEST_BIN)/python -m benchmarks.report_page
	$(TEST_BIN)/python -m benchmarks.troubleshooting_page
	$(TEST_BIN)/mkdocs build --strict

# MONAI_STRAINER_URL, the address of the repository, makes the links of the README lead there.
dist: .venv-release/.installed
	rm -rf build dist
	$(RELEASE_BIN)/python -m build
	$(RELEASE_BIN)/twine check --strict dist/*

sbom: .venv/.installed .venv-release/.installed
	$(RELEASE_BIN)/cyclonedx-py environment --output-reproducible --of JSON -o sbom.cdx.json $(USER_BIN)/python

.venv-release/.installed: $(PACKAGING)
	$(PYTHON) -m venv --clear .venv-release
	$(RELEASE_BIN)/python -m pip install -c constraints.txt build twine cyclonedx-bom py-rattler-build
	touch $@

.venv/.made: $(PACKAGING)
	$(PYTHON) -m venv --clear .venv
	touch $@

# The installed package follows its sources; build/ goes first, for setuptools would ship what is stale in it.
.venv/.installed: .venv/.made $(SOURCES)
	rm -rf build
	$(USER_BIN)/python -m pip install -c constraints.txt ".[demo]"
	touch $@

.venv-test/.installed: $(PACKAGING)
	$(PYTHON) -m venv --clear .venv-test
	$(TEST_BIN)/python -m pip install -c constraints.txt -e ".[test,bundle,demo,onnx,docs,dicom,dev]"
	touch $@

clean:
	rm -rf .venv .venv-* build dist site sbom.cdx.json *.egg-info $(DEMO_OUTPUT)
	rm -rf .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find monai_strainer tests benchmarks examples experiments -type d -name __pycache__ -prune -exec rm -rf {} +
