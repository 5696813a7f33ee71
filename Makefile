# Accord. `make run` starts it, `make test` tests it; both set up what they need in .venv/ first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
JOBS ?= 2
TESTS ?=

.PHONY: run setup test test-faults lint bench shots clean
.DEFAULT_GOAL := run

run: .venv/.runtime
	@exec $(BIN)/python manage.py portal $(ARGS)

setup: .venv/.dev

test: .venv/.dev
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not faults" $(ARGS) $(TESTS)

test-faults: .venv/.dev  # one after the other: each counts on the machine being there for its processes
	$(BIN)/python -m pytest -m faults $(ARGS) $(TESTS)

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/djade --check --target-version 5.2 $$(git ls-files '*.html' 'templates/*.txt' 2>/dev/null || find templates -name '*.html')
	$(BIN)/mypy
	DEBUG=1 $(BIN)/python -W ignore manage.py makemigrations --check --dry-run

bench: .venv/.runtime
	@for part in intake score pages workshop; do $(BIN)/python manage.py bench $$part $(ARGS) || exit 1; done
	$(BIN)/python manage.py bench_clock $(ARGS)

shots: .venv/.dev
	$(BIN)/python -m tests.browser.shots $(ARGS)

clean:
	rm -rf var/test var/shots .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# The pinned packages of pyproject.toml; the stamps are older than neither list.
.venv/bin/python:
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Accord needs Python 3.11 or newer. Name one: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv module is missing. On Debian: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/.runtime: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing the packages Accord runs on ..."
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' > .venv/runtime.txt
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -r .venv/runtime.txt
	@touch $@

.venv/.dev: .venv/.runtime
	@echo "Installing the packages Accord is tested with ..."
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["dev"], sep="\n")' > .venv/dev.txt
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -r .venv/runtime.txt -r .venv/dev.txt
	@touch $@
