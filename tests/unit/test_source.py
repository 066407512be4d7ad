"""The hash of an adapter's source: the same wherever the adapter is, and another one after a change."""

import shutil
import sys
from pathlib import Path

import pytest

from rollup_bench.engines import registry, source
from rollup_bench.errors import RequestError

ENGINES = Path(registry.__file__).parent


@pytest.fixture
def adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of DuckDB's adapter, as the adapter of the engine `copied`; nothing is cached."""
    folder = tmp_path / "copies" / "copied"
    shutil.copytree(ENGINES / "duckdb", folder)
    (folder.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("copies", "copies.copied"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(registry, "names", lambda: ["copied"])
    monkeypatch.setattr(registry, "module", lambda name: f"copies.{name}.engine")
    monkeypatch.setattr(source, "adapter_hash", source.adapter_hash.__wrapped__)
    return folder


def test_the_hash_does_not_depend_on_where_the_adapter_is(adapter: Path) -> None:
    before = source.adapter_hash("copied")
    (adapter / "README.md").write_text("other words")
    (adapter / "verified.json").unlink()
    (adapter / "__pycache__").mkdir(exist_ok=True)
    (adapter / "__pycache__" / "more.pyc").touch()
    (adapter / "sql.py").write_bytes((adapter / "sql.py").read_bytes().replace(b"\n", b"\r\n"))
    assert source.adapter_hash("copied") == before
    assert not source.has_changed("copied", before)


@pytest.mark.parametrize("file", ["sql.py", "new.py", "conf/new.properties"])
def test_a_change_of_a_file_changes_the_hash(adapter: Path, file: str) -> None:
    before = source.adapter_hash("copied")
    (adapter / file).parent.mkdir(exist_ok=True)
    with (adapter / file).open("a") as opened:
        opened.write("\n")
    assert source.has_changed("copied", before)


def test_imported_modules_of_this_package_count_and_those_of_engines_are_followed(adapter: Path) -> None:
    (adapter / "more.py").write_text("import rollup_bench.engines.druid.engine\n")
    files = source._files("copies.copied.engine")
    counted = {"adapter/engine.py", "engines/contract.py", "workloads/rule.py"}  # rule.py: of rollup.py in the folder
    followed = {"engines/druid/engine.py", "engines/druid/sql.py", "engines/druid/client.py", "errors.py"}
    assert counted | followed <= set(files)
    assert "workloads/draws.py" not in files  # templates.py imports it, dataset.py that, and a module of engines that
    assert not [name for name in files if name.startswith("harness/")]


def test_an_adapter_in_a_single_module_is_that_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "single.py").write_text("from rollup_bench.engines import ordering\n")
    (tmp_path / "other.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    files = source._files("single")
    assert {"adapter/single.py", "engines/ordering.py"} <= set(files)
    assert "adapter/other.py" not in files


def test_an_engine_that_is_not_installed_has_not_changed() -> None:
    assert not source.has_changed("none", "0")
    with pytest.raises(RequestError, match="`none` is not an engine"):
        source.adapter_hash("none")
