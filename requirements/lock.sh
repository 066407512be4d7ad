#!/bin/sh
# Resolves pyproject.toml into exact versions with hashes, for every Python from 3.11 on.
set -eu
cd "$(dirname "$0")/.."
lock() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url "$@"; }
lock requirements/build.in --output-file requirements/build.txt
lock pyproject.toml --extra duckdb --extra flights --output-file requirements/run.txt
lock pyproject.toml --all-extras --output-file requirements/all.txt
lock pyproject.toml --all-extras --group dev --group mutation --output-file requirements/dev.txt
# DuckDB in the version that asv names in the environment, with the hashes of all versions that asv compares.
versions=$(python -c 'import json; print(*json.load(open("asv.conf.json"))["matrix"]["env"]["ROLLUP_BENCH_DUCKDB"])')
{
    printf '%s' 'duckdb==${ROLLUP_BENCH_DUCKDB}'
    for version in $versions; do echo "duckdb==$version" | lock -; done |
        grep --only-matching 'sha256:[0-9a-f]*' | sort | while read -r hash; do printf ' \\\n    --hash=%s' "$hash"; done
    echo
} > requirements/versions.txt
