"""Runs where they are kept: in files, and in the commits of the repository that one stands in."""

import shutil
import subprocess
from pathlib import Path

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.records import lines
from rollup_bench.harness.records.findings import Run

RESULTS = "results"
SECONDS = 60.0
"""How long git may take."""


def find(name: str) -> Run:
    """The run of a file, of a commit that holds a single one under `results`, or of COMMIT:FILE."""
    if Path(name).is_file() or (name.endswith(".jsonl") and ":" not in name):
        return Run.read(Path(name))
    commit, _, file = name.partition(":")
    files = [file] if file else _files(commit)
    if len(files) != 1:
        several = f"one of {', '.join(f'{commit}:{one}' for one in files)}" if files else "a run's .jsonl file"
        raise RequestError(f"{name}: holds {len(files)} runs under {RESULTS}; give {several}")
    text = _git(name, "show", f"{commit}:{files[0]}")
    return Run.of(lines.parse(text.splitlines(keepends=True), name), name)


def _files(commit: str) -> list[str]:
    listed = _git(commit, "ls-tree", "-r", "--name-only", commit, "--", f":/{RESULTS}")
    return [line for line in listed.decode().splitlines() if line.endswith(".jsonl")]


def _git(name: str, *arguments: str) -> bytes:
    git = shutil.which("git")
    if git is None:
        raise RequestError(f"{name} is no file, and git, which could read it as a commit, is not installed")
    try:
        done = subprocess.run([git, *arguments], capture_output=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise FailureError(f"{name}: git gives no answer in {SECONDS:.0f} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise RequestError(f"{name} is neither a file nor a commit with a run: {said[0] if said else 'git failed'}")
    return done.stdout
