"""Containers, as far as they can be checked without an engine for them: the same versions, templates and processes."""

import os
import re
import subprocess
from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml

from rollup_bench.engines.druid import server as druid
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.compose import ComposeServer
from rollup_bench.servers.java import pinned_version
from rollup_bench.servers.recipe import JavaProcess, Place, Recipe, java_processes
from tests.support import ROOT

BUDGET = Budget(cores=2, memory=4 << 30)


@pytest.fixture
def services(declared: Recipe) -> dict[str, Any]:
    """As compose reads them, with the values that stand where the environment gives none."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (declared.folder / "compose.yml").read_text())
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


def _processes(declared: Recipe, folder: Path) -> dict[str, JavaProcess]:
    place = Place(folder, dict.fromkeys(declared.ports, 1), BUDGET)
    return {process.name: process for process in java_processes(declared.stages(place))}


def test_the_main_file_includes_every_engine() -> None:
    included = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["include"]
    assert included == sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("engines/*/compose.yml"))


def test_versions_are_those_of_the_pom(declared: Recipe, services: dict[str, Any]) -> None:
    pinned = pinned_version(declared.folder / "pom.xml")
    assert {service["image"].rpartition(":")[2] for service in services.values()} == {pinned}
    texts = [*declared.folder.glob("*.md"), *declared.folder.glob("*.py"), ROOT / "README.md"]
    named = rf"{declared.name}(?::|@| )v?(\d+\.\d+\.\d+)"
    found = {match for text in texts for match in re.findall(named, text.read_text(), re.IGNORECASE)}
    assert found <= {pinned}


def test_services_are_the_processes_of_a_native_start(
    declared: Recipe, services: dict[str, Any], tmp_path: Path
) -> None:
    native = _processes(declared, tmp_path)
    assert services.keys() == native.keys()
    for name, service in services.items():
        environment = service["environment"]
        assert environment["role"] == native[name].role
        assert environment["main"].split()[:3] == [
            Path("/tmp/conf", Path(word).name).as_posix() if "/" in word else word for word in native[name].main[:3]
        ]
        assert native[name].values.keys() <= environment.keys() | {"data", "cores", "tasks"}
        assert service["healthcheck"]["test"]
        assert "restart" not in service


def test_zookeeper_keeps_nothing_for_the_next_start(tmp_path: Path) -> None:
    values = _processes(druid.RECIPE, tmp_path)["zookeeper"].values
    filled = Template((druid.RECIPE.folder / "conf/zookeeper/zoo.cfg").read_text()).substitute(values)
    assert f"dataDir={values['tmp']}" in filled.splitlines()


def test_only_clients_get_in_and_by_loopback(declared: Recipe, services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published[0] == f"127.0.0.1:{declared.port}:{declared.port}"
    assert len(published) == declared.public
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in published)


def test_what_compose_takes_is_what_it_is_given(declared: Recipe, tmp_path: Path) -> None:
    given = ComposeServer(declared, tmp_path, BUDGET).environment(
        dict.fromkeys(declared.ports[: declared.public], 1234)
    )
    taken = re.findall(r"\$\{(\w+):-([^}]*)\}", (declared.folder / "compose.yml").read_text())
    assert given.keys() == {name for name, _ in taken}
    standing = dict(taken)
    for name, value in given.items():
        if name.endswith(("_HEAP", "_DIRECT")):
            number, unit = int(standing[name][:-1]), {"m": 1 << 20, "g": 1 << 30}[standing[name][-1]]
            assert number * unit == pytest.approx(int(value), rel=0.01)


def test_containers_fill_templates_in_as_natively(declared: Recipe, services: dict[str, Any], tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    java.chmod(0o755)
    for name, service in services.items():
        values = {key: str(value) for key, value in service["environment"].items()}
        folders = {key: str(tmp_path / name / key) for key in ("conf", "data", "tmp")}
        cores = len(os.sched_getaffinity(0))
        values |= folders | {"cores": str(cores), "tasks": str(cores + 1), "templates": str(declared.folder / "conf")}
        path = f"{java.parent}:{os.environ['PATH']}"
        (mounted,) = (volume for volume in service["volumes"] if volume.endswith(":/container.sh:ro"))
        script = declared.folder / mounted.partition(":")[0]
        ran = subprocess.run(["sh", script], env=values | {"PATH": path}, capture_output=True, text=True, check=True)
        assert ran.stdout.splitlines()[:3] == [
            f"-Xms{values['heap']}",
            f"-Xmx{values['heap']}",
            f"-XX:MaxDirectMemorySize={values['direct']}",
        ]
        assert ran.stdout.splitlines()[-len(values["main"].split()) :] == values["main"].split()
        templates = [*(declared.folder / "conf").glob("*"), *(declared.folder / "conf" / values["role"]).glob("*")]
        for template in templates:
            if template.is_file():
                filled = Path(folders["conf"], template.name).read_text()
                assert filled == Template(template.read_text()).substitute(values)
        for template in (declared.folder / "conf" / "data").glob("*"):
            assert Path(folders["data"], template.name).read_text() == Template(template.read_text()).substitute(values)
