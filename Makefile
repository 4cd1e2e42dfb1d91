# Two commands on a fresh machine: `make demo` and `make test`. Everything lands in .venv beside this file.
PYTHON ?= python3

.PHONY: demo test test-extras check docs sample clean
demo test check docs: .venv/ready
	@scripts/$@

test-extras: .venv/ready
	@scripts/test-extras

sample: .venv/ready
	@.venv/bin/pip install -q scikit-image && .venv/bin/python scripts/make_sample.py

.venv/ready: pyproject.toml
	@scripts/setup $(PYTHON)

clean:
	rm -rf .venv demo .pytest_cache .mypy_cache .ruff_cache build dist
