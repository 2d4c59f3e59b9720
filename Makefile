# Two commands do everything: `make demo` and `make test`. Each sets itself up; the second time is quick.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
ARGS ?=
NAME ?=

# Every test process would compile the farm, and each of three collectors all tests, again and again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-long coverage lint format bench bench-gpu demo-models screenshot translations lock audit
.PHONY: docs clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## Make the virtual environment and install everything that is locked

$(VENV)/.ready: pyproject.toml constraints.txt locks/all.txt
	@PYTHON="$(PYTHON)" deploy/setup $(VENV)

demo: setup ## Start the whole farm on this machine and render pictures and a clip (ARGS=--exit ends when done)
	@$(BIN)/farm demo $(ARGS)

# mypy keeps one core for a minute when it reads all for the first time: the tests begin on the other.
test: setup ## Check style, types and imports, and run the tests
	@$(MAKE) --no-print-directory lint & lint=$$!; \
	$(BIN)/pytest -n 3 --no-loadscope-reorder --durations 15 $(ARGS); tests=$$?; \
	wait $$lint || { echo "Style, types or imports are not in order: see above, or run 'make lint'." >&2; exit 1; }; \
	exit $$tests

test-long: setup ## Run the tests that take minutes
	@VENV=$(VENV) deploy/setup-gradio || echo "Gradio could not be fetched: its tests are skipped." >&2
	@VENV=$(VENV) .ci/deploy-tools || echo "What judges deploy/ could not be fetched: its tests are skipped." >&2
	@$(BIN)/pytest -m long -n 3 --no-loadscope-reorder --durations 15 $(ARGS)

coverage: setup ## How much of farm/ and scheduler/ their own tests run, in this process; fails below the floor
	@$(BIN)/coverage run -m pytest -n 0 tests/farm tests/scheduler $(ARGS)
	@$(BIN)/coverage report

lint: setup ## ruff, mypy and the plan of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup ## Put the code into its one format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## Print ratios measured here (NAME=claim-by-flow for one)
	@$(BIN)/python -m tests.benchmarks $(NAME)

bench-gpu: setup ## The same of real models on a GPU, printed as ratios (ARGS="--models NAME …")
	@$(BIN)/python -m tests.benchmarks.speed --device cuda $(ARGS)

demo-models: setup ## Train the demo models anew (about three hours on two cores)
	@$(BIN)/python -m workers.demo_models all $(ARGS)

screenshot: setup ## Take the pictures of the README from a running farm
	@$(BIN)/python -m tests.end_to_end.screenshot $(ARGS)

translations: setup ## Bring the catalogs of the pages up to date with the messages in the code
	@deploy/translations $(BIN)

lock: setup ## Write locks/ and constraints.txt (ARGS=--upgrade, or "--upgrade-package NAME")
	@deploy/lock $(BIN) $(ARGS)

audit: setup ## Known holes and licences of all that is locked, and lists of parts (SBOM) in build/sbom
	@$(BIN)/python -m deploy.audit $(ARGS)

docs: setup ## Build the site of docs/ into build/site; a link that leads nowhere fails it
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --config-file deploy/docs/mkdocs.yml

clean: ## Remove the virtual environment, caches and the demo's data
	@rm -rf $(VENV) build dist farm-data .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage
