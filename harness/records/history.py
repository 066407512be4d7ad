"""Finds runs in files and in commits of the Git repository of the current folder."""

import shutil
import subprocess
from pathlib import Path

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.records import lines
from rollup_bench.harness.records.findings import Run

RESULTS = "results"
DEPTH = 2
"""How many `/` the path of a run has, as in results/MACHINE/RUN.jsonl; files in further folders are no runs."""
SECONDS = 60.0  # the time limit of a git command


def find(name: str) -> Run:
    """Returns the run that is named by a file, a commit with exactly one run in `results/MACHINE`, or COMMIT:FILE.

    Raises RequestError if the name matches no run or several runs, and FailureError if git takes too long.
    """
    if Path(name).is_file() or (name.endswith(".jsonl") and ":" not in name):
        return Run.read(Path(name))
    commit, _, file = name.partition(":")
    files = [file] if file else _files(commit)
    if len(files) != 1:
        remedy = f"one of {', '.join(f'{commit}:{path}' for path in files)}" if files else "a run's .jsonl file"
        raise RequestError(f"{name}: holds {len(files)} runs under {RESULTS}; give {remedy}")
    text = _git(name, "show", f"{commit}:{files[0]}")
    return Run.of(lines.parse(text.splitlines(keepends=True), name), name)


def _files(commit: str) -> list[str]:
    listed = _git(commit, "ls-tree", "-r", "--full-tree", "--name-only", commit, "--", RESULTS)
    return [line for line in listed.decode().splitlines() if line.endswith(".jsonl") and line.count("/") == DEPTH]


def _git(name: str, *arguments: str) -> bytes:
    git = shutil.which("git")
    if git is None:
        raise RequestError(f"{name} is not a file; install git, or give a run's .jsonl file")
    try:
        done = subprocess.run([git, *arguments], capture_output=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise FailureError(f"{name}: git did not finish within {SECONDS:.0f} s") from None
    if done.returncode:
        error = [*done.stderr.decode(errors="replace").strip().splitlines(), "git failed"][0]
        raise RequestError(f"{name} is neither a file nor a commit with a run: {error}")
    return done.stdout
