"""What an adapter raises beside the contract: one line, its place, and no folder of this machine."""

from contextlib import suppress
from pathlib import Path

import pytest

from rollup_bench.engines.contract import Plan
from rollup_bench.engines.mistakes import MistakeError, guarded, raised
from rollup_bench.engines.truth.engine import Truth
from rollup_bench.servers.budget import Budget

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("no such\n  LINE 1: x\n", "ValueError: no such LINE 1: x"),
        ('cannot open "/some/where/a.db": no', 'ValueError: cannot open "a.db": no'),
        ("http://127.0.0.1:8082/druid/v2 is gone", "ValueError: http://127.0.0.1:8082/druid/v2 is gone"),
        ("", "ValueError"),
    ],
)
def test_an_error_is_one_line(said: str, told: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (any)
        raise ValueError(said)
    assert raised(caught.value, HERE).rpartition(":")[0] == f"{told} (unit/test_mistakes.py"


def test_the_place_is_the_adapters_own_line_not_that_of_what_it_calls() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Path("/nowhere/at/all").read_text()
    assert "(unit/test_mistakes.py:" in raised(caught.value, HERE)
    assert "test_mistakes.py:" not in raised(caught.value, HERE / "other")


def test_a_version_that_cannot_be_told_is_one_line_too(tmp_path: Path) -> None:
    class Asking(Truth):
        @property
        def version(self) -> str:  # type: ignore[override]
            raise KeyError("no such")

    class Number(Truth):
        version = 3  # type: ignore[assignment]

    for kind, told in ((Asking, r"KeyError: 'no such' \(unit/"), (Number, "version gives a int, .* says: str$")):
        with pytest.raises(MistakeError, match=told):
            _ = guarded(kind)(None, tmp_path, Budget(1, 1 << 30)).version


def test_what_an_engine_asks_of_itself_is_as_it_was(tmp_path: Path) -> None:
    class Asking(Truth):
        def rows(self, plan: Plan) -> int | None:
            raise KeyError("no such")

        def drop(self, plan: Plan) -> None:
            with suppress(KeyError):
                self.rows(plan)

    engine = guarded(Asking)(None, tmp_path, Budget(1, 1 << 30))
    engine.drop(None)  # type: ignore[arg-type]
    with pytest.raises(MistakeError, match=r"KeyError: 'no such' \(unit/test_mistakes.py:\d+\)"):
        engine.rows(None)  # type: ignore[arg-type]
