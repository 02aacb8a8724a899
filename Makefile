# What the README names stays put: setup, demo, demo-once, test, check, bench. Needs Python >= 3.11 and make.
# The python3 of the PATH that computes fastest: one built without profile-guided optimization, as pyenv does unless
# told otherwise, takes a third longer for all that is done here. Name another by PYTHON=...
PYTHON ?= $(or $(shell for python in $$(which -a python3); do $$python -c '$(SPEED)' $$python 2>/dev/null; done | sort -n \
	| sed -n '1s/.* //p'),python3)
SPEED = import sys, timeit, venv, ensurepip; sys.version_info < (3, 11) or \
	print(min(timeit.repeat("sum(len(str(i)) for i in range(999))", number=99, repeat=29)), sys.argv[1])
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo demo-once test check bench lock clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@python="$(PYTHON)"; $$python -c 'import sys; sys.exit(sys.version_info < (3, 11) and "GreenLedger needs Python 3.11 or newer; this is " + sys.version.split()[0])' \
	&& echo "$$python -m venv --clear $(VENV)" && $$python -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup
	$(BIN)/greenledger demo

demo-once: setup
	$(BIN)/greenledger demo --once

test: setup
	$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyrefly check
	$(BIN)/python -m pytest tests/test_rooms.py tests/test_tidy.py tests/store/test_migrations.py

bench: setup
	$(BIN)/greenledger bench

# Pins every dependency with the hashes of its files for every platform, and names no host.
lock: setup
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --extra server --extra dev --extra build \
		--no-annotate --no-header --no-emit-index-url pyproject.toml --output-file requirements.lock

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build *.egg-info
