# Two commands on a fresh machine: `make demo` and `make test`. Everything lands in .venv beside this file.
PYTHON ?= python3

.PHONY: demo test test-extras check docs sample clean

demo: .venv/ready
	@scripts/demo

test: .venv/tools
	@scripts/test

test-extras: .venv/tools
	@scripts/test-extras

check: .venv/tools
	@scripts/check

docs: .venv/tools
	@.venv/bin/python scripts/make_taxonomies_page.py
	@.venv/bin/python scripts/make_checkpoints_page.py

sample: .venv/ready
	@.venv/bin/pip install -q scikit-image && .venv/bin/python scripts/make_sample.py

.venv/ready: pyproject.toml
	@scripts/setup $(PYTHON)

.venv/tools: .venv/ready
	@scripts/setup-tools

clean:
	rm -rf .venv demo .pytest_cache .mypy_cache .ruff_cache build dist
