PY ?= python3
VENV := .venv
STAMP := $(VENV)/.ok
RUN := $(VENV)/bin/

.PHONY: demo test lint chromium
demo: $(STAMP)
	$(RUN)wardround models pull default
	$(RUN)wardround adjudicate cases/examples/cases.jsonl --out runs/examples
	$(RUN)wardround demo

test: $(STAMP) chromium
	$(RUN)wardround models pull tests
	$(MAKE) lint
	$(RUN)python -m pytest

lint: $(STAMP)
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy
	$(RUN)lint-imports
	$(RUN)deptry .

chromium:
	@bash scripts/chromium.sh

$(STAMP): pyproject.toml constraints.txt scripts/setup.sh
	bash scripts/setup.sh $(PY) $(VENV)
	touch $@
