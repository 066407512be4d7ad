"""The tutorial's commands run as they are, and print what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.M | re.S)
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text("utf-8")


def ran(folder: Path, commands: str, **environment: str) -> str:
    """What the commands print, in a shell that ends at the first one that fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    without_home = {name: value for name, value in os.environ.items() if name != "ROLLUP_BENCH_HOME"}
    done = subprocess.run(
        ["bash", "-ec", commands],
        cwd=folder,
        env=without_home | {"PATH": path} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_commands_of_the_tutorial_print_what_it_says(tmp_path: Path) -> None:
    text, _, completion = TUTORIAL.partition("\n## Completion in your shell")
    printed, commands = "", []
    for kind, block in BLOCK.findall(text):
        if kind == "sh":
            printed = ran(tmp_path, block)
            commands.append(block)
            assert "wrong" not in printed.replace("✗ wrong", "")
            continue
        for line in block.splitlines():
            assert line in printed, f"{commands[-1]} prints {printed}"
    assert len(commands) >= 9
    for shell in re.findall(r"=(\w+)_source", completion):
        assert "_ROLLUP_BENCH_COMPLETE=" in ran(tmp_path, "rollup-bench", _ROLLUP_BENCH_COMPLETE=f"{shell}_source")
