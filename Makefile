# Two commands on a fresh machine: `make demo` and `make test`. Everything lands in .venv beside this file.
PYTHON ?= python3

.PHONY: demo test test-extras check docs sample clean

demo: .venv/ready
	@scripts/demo

test: .venv/ready
	@scripts/test

test-extras: .venv/ready
	@scripts/test-extras

check: .venv/ready
	@scripts/check

docs: .venv/ready
	@.venv/bin/python scripts/make_taxonomies_page.py

sample: .venv/ready
	@.venv/bin/pip install -q scikit-image && .venv/bin/python scripts/make_sample.py

.venv/ready: pyproject.toml
	@scripts/setup $(PYTHON)

clean:
	rm -rf .venv demo .pytest_cache .mypy_cache .ruff_cache build dist
