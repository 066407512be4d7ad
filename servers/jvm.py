"""The command that starts a Java process, and the configuration of the process."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from string import Template

from rollup_bench.servers.java import jars, java
from rollup_bench.servers.recipe import JavaProcess
from rollup_bench.servers.watch import Watch


@dataclass(frozen=True)
class Jvm:
    """The program `java`, and an engine's folder of jars and folder of configuration templates."""

    program: Path
    library: Path
    templates: Path

    @classmethod
    def found(cls, pom: Path, folder: Path, watch: Watch) -> "Jvm":
        """This machine's Java, the jars that the file `pom` lists, and conf/ beside it; jars are fetched into `folder`.

        RequestError if there is no Java, FailureError if the jars cannot be fetched or are not the pinned ones.
        """
        program = java() / "bin/java"
        return cls(program, jars(pom, folder, watch), pom.with_name("conf"))

    def command(self, process: JavaProcess, conf: Path) -> list[str]:
        """The command that starts the process; writes its configuration into `conf` and empties its folder `tmp`."""
        _render(self.templates, conf, process)
        tmp = Path(str(process.values["tmp"]))
        if tmp.exists():
            shutil.rmtree(tmp)
        tmp.mkdir(parents=True)
        memory = (f"-Xms{process.heap}", f"-Xmx{process.heap}", f"-XX:MaxDirectMemorySize={process.direct}")
        classes = ("-cp", f"{conf}{os.pathsep}{self.library}/*")
        variables = [f"{name}={value}" for name, value in process.environment.items()]
        return ["env", *variables, str(self.program), *memory, f"@{conf / 'jvm.options'}", *classes, *process.main]

    def link(self, path: Path) -> None:
        """Makes `path` a link to the folder of jars; it replaces an earlier link."""
        path.unlink(missing_ok=True)
        path.symlink_to(self.library.resolve())


def _render(templates: Path, target: Path, process: JavaProcess) -> None:
    target.mkdir(parents=True)
    data = Path(str(process.values["data"]))
    data.mkdir(parents=True, exist_ok=True)
    rendered = {target / path.name: path for path in [*templates.glob("*"), *(templates / process.role).glob("*")]}
    rendered |= {file: path for path in templates.glob("data/*") if not (file := data / path.name).exists()}
    for file, template in rendered.items():
        if template.is_file():
            text = Template(template.read_text("utf-8")).substitute(process.values)
            file.write_text(text, "utf-8")
