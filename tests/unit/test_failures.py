"""An error of an adapter is one line, with its place and without folders of this machine."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from rollup_bench.engines import failures
from rollup_bench.engines.failures import described, quietly_closed, reason
from rollup_bench.errors import FailureError, RequestError


def caught(error: Exception) -> Exception:
    with pytest.raises(type(error)) as raised:
        raise error
    return raised.value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("no such\n  LINE 1: x\n", "ValueError: no such LINE 1: x"),
        ('cannot open "/some/where/a.db": no', 'ValueError: cannot open "a.db": no'),
        ("http://127.0.0.1:8082/druid/v2 is gone", "ValueError: http://127.0.0.1:8082/druid/v2 is gone"),
        ("", "ValueError"),
    ],
)
def test_an_unexpected_error_is_one_line(text: str, line: str) -> None:
    assert reason(caught(ValueError(text))).rpartition(":")[0] == f"{line} (unit/test_failures.py"


@pytest.mark.parametrize("kind", [RequestError, FailureError, OverflowError])
def test_the_text_of_an_error_of_the_contract_stays(kind: type[Exception]) -> None:
    assert reason(caught(kind("no disk at /some/where"))) == "no disk at /some/where"


def test_the_place_is_the_last_line_in_the_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "engine.py").write_text("def read(path):\n    return path.read_text()\n")
    monkeypatch.syspath_prepend(tmp_path)
    adapter = import_module("my_package.engine")
    monkeypatch.setattr(failures, "entry_points", lambda group: [EntryPoint("mine", "my_package.engine", group)])
    with pytest.raises(FileNotFoundError) as missing:
        adapter.read(Path("/nowhere/at/all"))
    assert described(missing.value).endswith("(my_package/engine.py:2)")
    monkeypatch.setattr(failures, "entry_points", lambda group: [])
    assert "(my_package/" not in described(missing.value)
    for name in ("my_package", "my_package.engine"):
        monkeypatch.delitem(sys.modules, name)


def test_an_error_of_closing_is_dropped_and_one_inside_is_not() -> None:
    @contextmanager
    def opened() -> Iterator[int]:
        yield 1
        raise KeyError("closing")

    with quietly_closed(opened()) as number:
        assert number == 1
    with pytest.raises(ValueError, match="inside"), quietly_closed(opened()):
        raise ValueError("inside")
