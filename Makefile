PYTHON ?= python3
BIN := .venv/bin
WORKERS := -n 3 --dist loadgroup --no-loadscope-reorder

.PHONY: run all test test-oldest lint audit site preview readme lock clean
.DELETE_ON_ERROR:

run: .venv/run.stamp  ## asks the questions of the flights on DuckDB, checks and times the answers
	@$(BIN)/rollup-bench run --dataset flights --engines duckdb --layouts raw

all: .venv/all.stamp  ## installs the clients of all engines, the data of the built-in datasets that are small, and what `verify` needs

test: .venv/dev.stamp  ## runs all tests, with real servers
	@$(BIN)/python -m tests.support.install
	$(BIN)/pytest $(WORKERS) --durations=15

test-oldest: .venv-oldest/stamp  ## runs the tests without Java servers and browser, on the lowest declared versions
	.venv-oldest/bin/pytest $(WORKERS) -m "not druid and not cassandra and not spark and not spark-cassandra and not brokers" -k "not test_site and not test_licences and not stored_report"

lint: .venv/dev.stamp  ## checks style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

audit: .venv/dev.stamp  ## looks up known vulnerabilities of the locked Python packages
	@$(BIN)/python requirements/audit.py

site: .venv/dev.stamp  ## writes the pages to .asv/html, from results/; open .asv/html/index.html
	$(BIN)/asv publish --no-pull

preview: site  ## serves the site to this machine only; asv's own pages need this
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory .asv/html 8080

readme: .venv/dev.stamp  ## writes the tables of the README, of docs/ and of engines/, from stored runs and reports of `verify`
	$(BIN)/python -m rollup_bench.harness.report.readme README.md results/vm/flights-standard.jsonl engines/*/verified.json
	$(BIN)/python -m rollup_bench.harness.report.readme docs/ten-million.md results/vm/game-tuned.jsonl
	$(BIN)/python -m rollup_bench.harness.report.readme engines/spark_cassandra/README.md results/vm/spark-cassandra.jsonl
	$(BIN)/python -m rollup_bench.harness.report.outputs docs/decision.md

.venv/build.stamp: requirements/build.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(PYTHON) is older than Python 3.11: make PYTHON=python3.12 ...")'
	@echo "Installing into .venv, once"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --require-hashes --requirement $<
	@touch $@

.venv/%.stamp: requirements/%.txt pyproject.toml .venv/build.stamp
	@$(BIN)/pip install --quiet --no-build-isolation --require-hashes --requirement $<
	@$(BIN)/pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

.venv-oldest/stamp: pyproject.toml requirements/dev.txt requirements/oldest.sh .venv/build.stamp
	@echo "Installing the oldest versions into .venv-oldest, once"
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh requirements/oldest.sh .venv-oldest
	@touch $@

lock: .venv/dev.stamp  ## writes the lock files of Python packages and jars, and LICENCES.md
	PATH="$(CURDIR)/$(BIN):$$PATH" sh requirements/lock.sh
	$(BIN)/python -m requirements.repin
	$(BIN)/python -m requirements.licences

clean:  ## removes the virtual environments
	rm -rf .venv .venv-oldest
