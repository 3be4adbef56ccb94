# Each target sets up all it needs in .venv; only Python 3.11 or newer and make must be there.

PYTHON ?= python3
# One more than most machines of CI have cores: some tests wait for other processes.
WORKERS ?= 3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
# Wheels with known hashes only: building one would download build tools that no lock names.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Not compiled beforehand: most of it is never imported, and the rest is compiled and kept on first
# use, for which Python must be allowed to write it down.
# Without dependencies: a lock file names them all.
INSTALL := $(PIP) install --no-compile --no-deps --require-hashes --only-binary :all:
SELF := $(PIP) install --no-index --no-build-isolation --no-deps --editable .
CODE := $(wildcard bot storage tests wsgi.py)
CHROMIUM ?= /usr/bin/chromium
UV_VERSION := 0.13.9
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check bench soak screenshots lock clean

help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/runtime.stamp ## Start everything with a demo survey (Ctrl-C ends it)
	@$(BIN)/tautan run --demo $(ARGS)

test: $(VENV)/dev.stamp ## Run all tests, on SQLite and PostgreSQL; ARGS="-k word" for some
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: $(VENV)/dev.stamp ## Check format, style, types and the flow files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict $(CODE)
	$(BIN)/tautan check flows
	$(BIN)/tautan test flows --coverage --fail-under 100

bench: $(VENV)/dev.stamp ## Measure turns a second, start-up and memory
	@$(BIN)/python tests/bench/run.py $(ARGS)

soak: $(VENV)/dev.stamp ## Run a long load with faults and look for what was lost
	@$(BIN)/python tests/soak/run.py $(ARGS)

screenshots: $(VENV)/dev.stamp ## Take the pictures of the documentation (needs Chromium)
	@test -x "$(CHROMIUM)" || { \
		echo "make screenshots needs Chromium at $(CHROMIUM)." >&2; \
		echo "On Debian: sudo apt-get install chromium fonts-noto-color-emoji; elsewhere: make screenshots CHROMIUM=/path/to/it" >&2; \
		exit 1; }
	@CHROMIUM="$(CHROMIUM)" $(BIN)/python tests/screenshots/take.py $(ARGS)

# uv, because pip cannot lock for every platform; from a folder that goes away again.
lock: ## Write both lock files anew; ARGS=--upgrade takes newer versions
	@set -eu; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; \
	"$$tools/bin/python" -m pip --disable-pip-version-check --quiet install uv==$(UV_VERSION); \
	compile() { "$$tools/bin/uv" pip compile --quiet --no-config --universal \
		--python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links pyproject.toml "$$@" $(ARGS); }; \
	compile --extra build --output-file requirements.lock; \
	compile --extra dev --constraint requirements.lock --output-file requirements-dev.lock

clean: ## Remove .venv, caches and build output; data and keys stay
	rm -rf $(VENV) build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -rf tests/bench/out tests/soak/out
	find bot storage tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(VENV)/runtime.stamp: requirements.lock pyproject.toml
	@$(call venv)
	@echo "Installing what Tautan needs into $(VENV) ..." >&2
	@$(call install,requirements.lock)
	@$(SELF)
	@touch $@

# Its versions are those of requirements.lock and more, so that it makes the other one too.
$(VENV)/dev.stamp: requirements-dev.lock requirements.lock pyproject.toml
	@$(call venv)
	@echo "Installing what Tautan and its tests need into $(VENV) ..." >&2
	@$(call install,requirements-dev.lock)
	@$(SELF)
	@touch $(VENV)/runtime.stamp $@

# One half of a lock file by one pip, the other half by another: most of what pip does is reading,
# on one core, what an index has.
define install
set -eu; halves=$$(mktemp -d); other=; \
trap 'test -z "$$other" || kill $$other 2>/dev/null || true; rm -rf "$$halves"' EXIT; \
trap 'exit 130' HUP INT TERM; \
for half in 0 1; do \
	awk -v half=$$half '/^[A-Za-z0-9]/ { n++ } n % 2 == half' $(1) > "$$halves/$$half.txt"; \
done; \
$(INSTALL) -r "$$halves/0.txt" & other=$$!; \
status=0; $(INSTALL) -r "$$halves/1.txt" || status=$$?; \
wait $$other || status=$$?; \
other=; exit $$status
endef

# A venv that was interrupted while it was made has no pip and is made again.
define venv
set -eu; \
fail() { echo "Tautan cannot be set up: $$*" >&2; exit 1; }; \
command -v "$(PYTHON)" >/dev/null || \
	fail "there is no $(PYTHON). Install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3"; \
"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	fail "$(PYTHON) is $$("$(PYTHON)" -V 2>&1), and 3.11 or newer is needed. Name another: make PYTHON=python3.11"; \
"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
	fail "$(PYTHON) has no venv module. On Debian: sudo apt-get install python3-venv"; \
$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
endef
