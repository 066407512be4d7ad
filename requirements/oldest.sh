#!/bin/sh
# Makes an environment, $1, of the lowest version that pyproject.toml declares of each dependency, on the oldest Python.
# All other packages have their locked versions, or the newest that the lowest ones allow.
set -eu
cd "$(dirname "$0")/.."
compile() { uv pip compile --quiet --all-extras --python-version 3.11 --no-header pyproject.toml "$@"; }
uv venv --quiet --clear --no-python-downloads --python 3.11 "$1"
compile --resolution lowest-direct --no-deps --output-file "$1/lowest.txt"
cp requirements/dev.txt "$1/all.txt"  # uv prefers the versions of a file that it overwrites
compile --group dev --constraint "$1/lowest.txt" --generate-hashes --output-file "$1/all.txt"
uv pip install --quiet --python "$1" --requirement "$1/all.txt" --requirement requirements/build.txt
uv pip install --quiet --python "$1" --no-build-isolation --no-deps --editable .
