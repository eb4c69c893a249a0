# `make start` and `make test` need only Python 3.11 or later.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
FUZZ_SECONDS ?= 600

.PHONY: help start dev check test test-part-1 test-part-2 test-part-3 asgi asgi-plain asgi-loop acceptance \
	acceptance-part-1 acceptance-part-2 acceptance-part-3 acceptance-part-4 coverage lint types examples \
	reference docs docs-links fuzz faults bench dist vendor clean

help:
	@echo "make start       install, and serve pages/ with gunicorn on port 8000 (PORT=... for another port)"
	@echo "make dev         serve pages/ for development: reload, tracebacks, a line per request"
	@echo "make check       lint, types and the fast tests, in three minutes: run it while you work"
	@echo "make test        lint, types and all tests except the slow ones, in five minutes: every change must pass it"
	@echo "make asgi        the tests of an App's responses, through its ASGI interface: three minutes"
	@echo "make acceptance  the slow tests, with real servers, async clients, a browser and npm: eight minutes"
	@echo "make coverage    make test and some of the slow tests with coverage measured: at least 95 % of branches"
	@echo "make reference   write docs/reference/ and the generated tables of other pages, from the code"
	@echo "make docs        build the documentation site in build/site and check its links, offline: half a minute"
	@echo "make docs-links  check the documents' links to other sites"
	@echo "make examples    check the examples and the projects of 'apiroutes new': tests, types, READMEs: two minutes"
	@echo "make fuzz        the property tests, run for ten minutes (FUZZ_SECONDS=... for another time)"
	@echo "make faults      the fault tests, in which clients, handlers, workers and disks fail: 14 minutes"
	@echo "make bench       the benchmarks, with other frameworks; writes benchmarks/RESULTS.md: 35 minutes"
	@echo "make dist        build the archives of a release, check, install and try them: two or three minutes"
	@echo "make vendor      fetch the files of the documentation page (Swagger UI) with npm, and check their hashes"
	@echo "make clean       remove the files that the other targets made"

start: $(VENV)/.installed
	$(BIN)/apiroutes start

dev: $(VENV)/.installed-test
	$(BIN)/apiroutes dev

check: lint types
	$(BIN)/python -m pytest -m "not slow and not costly" --ignore tests/acceptance --ignore tests/attacks --ignore tests/fuzz

# Three parts at once, on two processors, because many tests of the second part wait for stores and processes;
# then, on their own, the tests of threads and loops, which depend on timing.
PART_1 := $(addprefix tests/,attacks body cli clients conformance development fuzz handlers http middleware openapi \
	routing schemas settings typing)
PART_2 := $(addprefix tests/,cache embedding lifespan stores telemetry)
ALONE := $(addprefix tests/,concurrency event_loop servers)

test:
	$(MAKE) --no-print-directory --jobs 4 test-part-2 test-part-1 test-part-3 lint types
	$(PYTEST) -m "not slow" $(ALONE)

test-part-1: $(VENV)/.installed-test
	$(PYTEST) -m "not slow" $(PART_1)

test-part-2: $(VENV)/.installed-test
	$(PYTEST) -m "not slow" $(PART_2)

test-part-3: $(VENV)/.installed-test
	$(PYTEST) -m "not slow" $(addprefix --ignore ,tests/acceptance $(PART_1) $(PART_2) $(ALONE))

# Every request of these tests goes through App.asgi: first with their projects as they are, then with the
# plain handlers made async. Left out are tests that answer no request, tests that do not depend on the
# interface (starts, development, types and JSON), tests of reads from a connection, and tables that cover
# both interfaces themselves.
ASGI := -m "not slow and not costly" --interface asgi $(addprefix --ignore tests/,acceptance cache cli clients \
	development documents event_loop openapi release schemas servers settings stores tools typing \
	attacks/test_cache_answers.py attacks/test_cache_keys.py body/test_charsets.py body/test_draining.py \
	body/test_timed_input.py conformance/test_behaviour.py embedding/test_asgi_embedding.py exits/test_exits.py \
	exits/test_plan_tasks.py fuzz/test_grammars.py fuzz/test_types.py handlers/test_cache_checks.py \
	handlers/test_cache_config.py handlers/test_config.py handlers/test_declarations.py \
	handlers/test_import_failures.py handlers/test_middleware_exports.py handlers/test_misnamed.py \
	handlers/test_result_checks.py handlers/test_result_types.py http/test_events.py http/test_fields.py \
	http/test_hosts.py http/test_json.py http/test_json_decoding.py http/test_negotiation.py http/test_ranges.py \
	http/test_status.py routing/test_scan.py routing/test_tree.py telemetry/test_directory.py \
	telemetry/test_extras.py telemetry/test_names.py telemetry/test_no_sdk.py telemetry/test_worker_files.py \
	$(addsuffix .py,$(addprefix test_,app_file asgi asgi_application asgi_content asgi_lifespan benchmarks \
	deployment_files documents errors examples guards imports interface_option lambda_handler layers logging \
	logging_examples missing_routes mistakes places project reference release secret_keys sizes streams \
	terminal testing testing_after two_interfaces wrong_assignments wrong_interface)))

# With async handlers: the tests that walk a chain.
ASGI_LOOP := -m "not slow and not costly" --interface asgi-loop $(addprefix --ignore tests/,body/test_charsets.py \
	body/test_draining.py body/test_timed_input.py conformance/test_behaviour.py exits/test_exits.py \
	exits/test_plan_tasks.py security/test_jwks.py security/test_passwords.py) \
	$(addprefix tests/,attacks/test_corpus.py body concurrency conformance exits \
	handlers/test_calls.py handlers/test_dependencies.py handlers/test_dependency_bodies.py \
	handlers/test_parameters.py lifespan/test_in_progress.py middleware rate_limits security sessions) \
	$(wildcard tests/test_after_*.py tests/test_chain*.py tests/test_deadlines.py tests/test_endpoint.py tests/test_error_responses.py \
	tests/test_request.py tests/test_response*.py tests/test_results.py)

asgi:
	$(MAKE) --no-print-directory --jobs 2 asgi-plain asgi-loop

asgi-plain: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(ASGI)

asgi-loop: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(ASGI_LOOP)

# Four parts, three at a time: they mostly wait for servers.
ACCEPTANCE_1 := $(addprefix tests/acceptance/test_,failed_starts.py life.py rate_limits.py shared_sessions.py \
	work_after_responses.py)
ACCEPTANCE_2 := $(addprefix tests/acceptance/test_,asgi_start.py cache_faults.py cache_scenarios.py reloads.py \
	replacement.py)

# The recipes of deployment.
ACCEPTANCE_4 := $(addprefix tests/acceptance/test_,container.py kubernetes.py locked_installs.py nginx.py \
	procfile.py systemd.py)
# `make examples` runs it.
SCAFFOLD := tests/acceptance/test_scaffold.py

acceptance:
	$(MAKE) --no-print-directory --jobs 3 acceptance-part-1 acceptance-part-2 acceptance-part-3 acceptance-part-4

acceptance-part-1: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(ACCEPTANCE_1)

acceptance-part-2: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(ACCEPTANCE_2)
	$(BIN)/python -m pytest -m slow tests/schemas tests/servers

acceptance-part-3: $(VENV)/.installed-test
	$(BIN)/python -m pytest tests/acceptance \
		$(addprefix --ignore ,$(ACCEPTANCE_1) $(ACCEPTANCE_2) $(ACCEPTANCE_4) $(SCAFFOLD))

acceptance-part-4: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(ACCEPTANCE_4)

# Coverage makes tests three times slower on Python 3.11, so `make test` does not measure it. The later runs cover
# the code that no other test reaches: the command line and the replacement of workers.
MEASURING := $(BIN)/coverage run -m pytest
MEASURED := tests/acceptance/test_reloads.py tests/acceptance/test_replacement.py tests/schemas tests/servers

coverage: $(VENV)/.installed-test
	$(BIN)/coverage erase
	$(MAKE) test PYTEST='$(MEASURING)'
	$(MEASURING) -m "not slow" tests/acceptance
	$(MEASURING) -m slow $(MEASURED)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

examples: $(VENV)/.installed-test
	$(BIN)/python -m tools.examples
	$(BIN)/python -m pytest $(SCAFFOLD)

fuzz: $(VENV)/.installed-fuzz
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

faults: $(VENV)/.installed-test
	$(BIN)/python -m tests.faults

# The tests compare the generated pages with the existing ones.
reference: $(VENV)/.installed-test
	$(BIN)/python -m tools.reference

# A warning is a mistake. The site is always built from scratch, because pages depend on many files.
SPHINX := $(BIN)/python -m sphinx --fail-on-warning --keep-going --fresh-env --quiet

docs: $(VENV)/.installed-docs
	rm -rf build/site
	$(SPHINX) --builder html --doctree-dir build/doctrees docs build/site
	@echo "Open build/site/index.html: it needs no server."

docs-links: $(VENV)/.installed-docs
	$(SPHINX) --builder linkcheck --doctree-dir build/doctrees-links docs build/links

# It fails if a goal is missed, or if a request executes more bytecodes than its cap.
bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks.results

# Nothing is uploaded; CONTRIBUTING lists the steps of a release.
dist: $(VENV)/.installed-dist
	$(BIN)/python -m tools.release dist

# The package, its version and the hashes are in tools/release/vendored.json; CONTRIBUTING explains how to
# change them.
vendor: $(VENV)/.installed
	$(BIN)/python -m tools.release vendor

clean:
	rm -rf $(VENV) .coverage .coverage.* .apiroutes .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-test: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@ $(VENV)/.installed

# Atheris guides the fuzzing by coverage if it can be installed; the property tests run without it.
$(VENV)/.installed-fuzz: $(VENV)/.installed-test
	$(BIN)/python -m pip install --quiet atheris || echo "atheris is not available: fuzzing with hypothesis only."
	@touch $@

$(VENV)/.installed-bench: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	@touch $@

$(VENV)/.installed-dist: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dist]'
	@touch $@ $(VENV)/.installed
