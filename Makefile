# `make start` and `make test` need nothing but Python 3.11 or later.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
FUZZ_SECONDS ?= 600

SWAGGER_UI := 5.35.0
SWAGGER_UI_FILES := LICENSE NOTICE swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt swagger-ui.css \
	oauth2-redirect.html oauth2-redirect.js

.PHONY: help start dev check test test-first-half test-second-half asgi asgi-plain asgi-loop acceptance \
	acceptance-first-half acceptance-second-half coverage lint types fuzz faults \
	bench vendor clean

help:
	@echo "make start       install, and serve pages/ with gunicorn on port 8000 (PORT=... for another port)"
	@echo "make dev         serve pages/ for development: reload, tracebacks, a line per request"
	@echo "make check       lint, types and the fast tests, in three minutes: run it while you work"
	@echo "make test        lint, types and all tests but the slow ones: every change must pass it"
	@echo "make asgi        the tests of what an App answers, through its ASGI interface: three minutes"
	@echo "make acceptance  the slow tests: servers that fail and reload, async clients, a browser, npm"
	@echo "make coverage    make test and the reload tests with coverage measured: at least 95 % of branches"
	@echo "make fuzz        the property tests at length: ten minutes (FUZZ_SECONDS=... for another time)"
	@echo "make faults      the fault tests, in which clients, handlers, workers and disks fail: 14 minutes"
	@echo "make bench       the benchmarks, beside other frameworks; writes benchmarks/RESULTS.md: 35 minutes"
	@echo "make vendor      fetch the files of the documentation page, Swagger UI $(SWAGGER_UI), with npm"
	@echo "make clean       remove the files that the other targets made"

start: $(VENV)/.installed
	$(BIN)/apiroutes start

dev: $(VENV)/.installed-test
	$(BIN)/apiroutes dev

check: lint types
	$(BIN)/python -m pytest -m "not slow and not costly" --ignore tests/acceptance --ignore tests/attacks --ignore tests/fuzz

# Two halves of the tests side by side, because most machines have two processors; then by themselves those of
# servers and threads, which depend on when things happen.
HALF := $(addprefix tests/,attacks body cli clients conformance development embedding fuzz handlers http lifespan \
	middleware openapi routing schemas settings stores telemetry typing)
ALONE := $(addprefix tests/,acceptance concurrency event_loop servers)

test:
	$(MAKE) --no-print-directory --jobs 2 lint types test-first-half test-second-half
	$(PYTEST) -m "not slow" $(ALONE)

test-first-half: $(VENV)/.installed-test
	$(PYTEST) -m "not slow" $(HALF)

test-second-half: $(VENV)/.installed-test
	$(PYTEST) -m "not slow" $(addprefix --ignore ,$(HALF) $(ALONE))

# Every request of these tests goes through App.asgi: first with their projects as they are, then with the plain
# handlers made async. Left out are tests that answer no request, those of reads from a connection, and tables that
# have both interfaces themselves.
ASGI := -m "not slow and not costly" $(addprefix --ignore tests/,acceptance servers openapi event_loop exits/test_exits.py \
	fuzz/test_grammars.py fuzz/test_types.py test_asgi.py test_asgi_content.py test_asgi_application.py \
	test_benchmarks.py test_guards.py cache cli clients development settings stores test_imports.py test_layers.py test_two_interfaces.py \
	routing/test_tree.py body/test_charsets.py body/test_timed_input.py body/test_draining.py)

asgi:
	$(MAKE) --no-print-directory --jobs 2 asgi-plain asgi-loop

asgi-plain: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(ASGI) --interface asgi

asgi-loop: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(ASGI) --interface asgi-loop

# Two halves as well: they mostly wait for servers.
SLOW_HALF := $(addprefix tests/acceptance/test_,life.py failed_starts.py work_after_responses.py)

acceptance:
	$(MAKE) --no-print-directory --jobs 2 acceptance-first-half acceptance-second-half

acceptance-first-half: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m slow $(SLOW_HALF)

acceptance-second-half: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m slow tests/acceptance $(addprefix --ignore ,$(SLOW_HALF))

# Coverage makes tests three times slower on Python 3.11, so `make test` does not measure it. The second run
# covers the code that no other test reaches: the replacement of workers.
MEASURING := $(BIN)/coverage run -m pytest
MEASURED := tests/acceptance/test_reloads.py tests/acceptance/test_replacement.py

coverage: $(VENV)/.installed-test
	$(BIN)/coverage erase
	$(MAKE) test PYTEST='$(MEASURING)'
	$(MEASURING) $(MEASURED)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

fuzz: $(VENV)/.installed-fuzz
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

faults: $(VENV)/.installed-test
	$(BIN)/python -m tests.faults

# It fails where a goal is missed, or a request executes more bytecodes than its cap.
bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks.results

# For a new version: change SWAGGER_UI, run this and the tests, and commit the files.
vendor:
	@directory=$$(mktemp -d) && trap 'rm -rf "$$directory"' EXIT && \
	npm pack --silent --pack-destination "$$directory" swagger-ui-dist@$(SWAGGER_UI) >/dev/null && \
	tar -xzf "$$directory"/swagger-ui-dist-*.tgz -C "$$directory" && \
	cd "$$directory/package" && cp $(SWAGGER_UI_FILES) "$(CURDIR)/apiroutes/openapi/page/swagger_ui/"

clean:
	rm -rf $(VENV) .coverage .coverage.* .apiroutes .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-test: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/.installed

# Atheris guides the fuzzing by coverage where it can be installed; the property tests run without it.
$(VENV)/.installed-fuzz: $(VENV)/.installed-test
	$(BIN)/python -m pip install --quiet atheris || echo "atheris is not available: fuzzing with hypothesis only."
	@touch $@

$(VENV)/.installed-bench: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	@touch $@
