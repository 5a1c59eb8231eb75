# `make demo` lets you hear it, `make test` checks it. Whichever comes first makes .venv; a second run starts at once.
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
PYTHON ?= python3.13 python3.12 python3.11 python3 python
USABLE := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))

.PHONY: help demo test test-soundcard test-models lint types check bench clean
help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile | expand -t 24

demo: .venv/.base  ## answer a spoken question, play the reply and keep it in demo-reply.wav
	$(BIN)/voicechat talk --input config/demo/question.wav --output demo-reply.wav --play

test: .venv/.dev  ## run the tests; needs no sound card, no model and no network
	$(BIN)/python -m pytest -m "not soundcard and not slow"

test-soundcard: .venv/.dev  ## test live talks on a virtual sound card (Linux with PulseAudio)
	$(BIN)/python -m pytest -m soundcard

test-models: .venv/.models  ## test the neural models too; installs torch, which takes gigabytes on Linux
	$(BIN)/python -m pytest tests/models tests/engines tests/turn_detector

lint: .venv/.dev  ## check style and format
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: .venv/.models  ## check the types; installs torch, likewise
	$(BIN)/mypy

check: lint types test  ## all that must hold before a commit

bench: .venv/.models  ## measure what is claimed; installs torch, likewise
	$(BIN)/python -m benchmarks

clean:  ## remove what these commands made
	rm -rf .venv build dist demo-reply.wav .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@for python in $(PYTHON); do $$python -c '$(USABLE)' 2>/dev/null && exec $$python -m venv .venv; done; \
	echo "no Python 3.11 to 3.13 with venv among: $(PYTHON); install one (Debian: python3-venv)" \
	"or name yours: make PYTHON=/path/to/python3" >&2; exit 1

.venv/.base: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing voicechat into .venv, a minute or two the first time"
	@$(PIP) install --upgrade "pip>=25.1"
	@$(PIP) install -c constraints.txt -e . && touch $@

.venv/.models: .venv/.dev
	@$(PIP) install -c constraints.txt -e ".[models,ray,smart-turn]" --group models-test && touch $@

.venv/.dev: .venv/.base
	@$(PIP) install -c constraints.txt -e ".[silero]" --group dev && touch $@
