"""The command line, called in this process."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from rollup_bench.harness.cli.main import cli, main
from rollup_bench.harness.run.home import VARIABLE

PROGRAM = "from rollup_bench.harness.cli.main import main; main()"
"""The code of a process that runs the command line."""


def commands(group: click.Group = cli, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """All commands by name; a group's name stands before that of a command in it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


class Command:
    """Calls of the command line under a home of their own."""

    def __init__(self, home: Path, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.home, self._capture, self._patch = home, capture, patch
        patch.setenv(VARIABLE, str(home))

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """The exit status, standard output and standard error."""
        self._patch.setattr(sys, "argv", ["rollup-bench", *arguments])
        status = 0
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        out, err = self._capture.readouterr()
        return status, out, err

    def done(self, *arguments: str) -> str:
        """Standard output of a call that does what it should."""
        status, out, err = self(*arguments)
        assert status == 0, err
        return out

    def refused(self, *arguments: str) -> str:
        """The one line that says what is wrong with a call, after any progress; the call leaves nothing behind."""
        before = self.files()
        status, out, err = self(*arguments)
        assert (status, out) == (2, ""), err
        assert err.endswith("\n")
        lines = err.splitlines()
        assert [line for line in lines if line.startswith("rollup-bench: ")] == lines[-1:], err
        assert not [p for p in self.files() if p not in before and p.suffix not in (".parquet", ".json")]
        return lines[-1]

    def files(self) -> list[Path]:
        """What there is under the home."""
        return sorted(p for p in self.home.rglob("*") if p.is_file())
