"""An engine that cannot be imported is refused in one line that names its module and the remedy."""

from pathlib import Path

import pytest

from rollup_bench.engines import registry
from rollup_bench.errors import RequestError

CLASS = 'from rollup_bench.engines.contract import Engine\nclass Mine(Engine):\n    name = "{}"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nonsense", r"mine0 needs the Python package nonsense: pip install nonsense$"),
        ("x = (", r"mine0 cannot be imported: SyntaxError: '\(' was never closed"),
        ("from engines import nonsense", "cannot be imported: ImportError: cannot import name 'nonsense'"),
        ("nonsense()", "mine0 cannot be imported: NameError: name 'nonsense' is not defined .*mine0.py:1\\)"),
        ("", 'lacks an Engine with name = "broken"'),
        (CLASS.format("other"), 'lacks an Engine with name = "broken"'),
        (CLASS.format("broken"), "lacks drop, explain, load, plan, rows, scope, session, support, version"),
    ],
)
def test_a_module_without_a_complete_engine_is_refused(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    name = f"mine{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "module", lambda _: name)
    with pytest.raises(RequestError, match=said.replace("mine0", name)):
        registry.engine_type("broken")


def test_a_missing_client_library_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_druid.py").write_text("import nonsense")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "module", lambda _: "mine_druid")
    with pytest.raises(
        RequestError, match=r"needs the Python package nonsense: make all, or pip install 'rollup-bench\[druid\]'"
    ):
        registry.engine_type("druid")
