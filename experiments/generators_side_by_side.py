"""Compares this program's client with independent load generators: the same statements, one connection, in ABBA order.

`python -m experiments.generators_side_by_side [--engines druid,cassandra] [--question delays-by-hour]`. The question
is asked about 300 spans in turn: of Druid by `wrk` (Debian's package), of Cassandra by `latte` (`cargo install
latte-cli`). Each client waits for an answer before it sends the next request. The processor time of this program for a
request is subtracted from its times. Then the rates and the medians must agree within 15%. Nothing else may run on the
machine.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec
import numpy as np

from experiments.adapter_overhead import moved, sent_statements
from rollup_bench.engines.contract import Session
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.cli.options import engines_default
from rollup_bench.harness.report.terminal import ended
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.arms import Arm
from rollup_bench.harness.run.home import home
from rollup_bench.workloads import dataset, events
from rollup_bench.workloads.questions import Aggregate

MOVES = range(-180, 120)
"""The days by which the default span of the question is moved."""
LAYOUTS = {"druid": "raw", "cassandra": "tuned"}
AGREE = 0.15
WRK = """
local bodies, number = {}, 0
for line in io.lines("BODIES") do bodies[#bodies + 1] = line end
request = function()
  number = number % #bodies + 1
  return wrk.format("POST", "/druid/v2/sql", {["Content-Type"] = "application/json"}, bodies[number])
end
done = function(summary, latency)
  local failed = summary.errors
  failed = failed.connect + failed.read + failed.write + failed.status + failed.timeout
  local form = '{"requests": %d, "microseconds": %d, "p50": %d, "failed": %d}'
  io.write(string.format(form, summary.requests, summary.duration, latency:percentile(50), failed))
end
"""
LATTE = """
pub async fn prepare(ctx) {
    ctx.prepare("statement", `STATEMENT`).await?;
}
pub async fn run(ctx, i) {
    let requests = REQUESTS;
    ctx.execute_prepared("statement", requests[i % COUNT]).await?
}
"""
MEDIAN = 6
"""The place of the median among the percentiles in latte's report."""


class Figures(NamedTuple):
    """Requests a second, seconds of the median request, and the client's processor seconds for a request."""

    rate: float
    p50: float
    client: float

    def without_client(self) -> "Figures":
        """The figures of a client that needs no processor time."""
        return Figures(1 / (1 / self.rate - self.client), self.p50 - self.client, 0.0)


Generator = Callable[[float], Figures]
"""Asks for so many seconds, one request after the other."""


def ours(session: Session, questions: Sequence[Aggregate]) -> Generator:
    """This program's client, in this process."""
    turns = cycle(questions)

    def measured(seconds: float) -> Figures:
        times, began, spent = [], time.perf_counter(), time.process_time()
        while (sent := time.perf_counter()) < began + seconds:
            session.ask(next(turns))
            times.append(time.perf_counter() - sent)
        elapsed, client = time.perf_counter() - began, time.process_time() - spent
        return Figures(len(times) / elapsed, float(np.median(times)), client / len(times))

    return measured


def wrk(arm: Arm, questions: Sequence[Aggregate], folder: Path) -> Generator:
    """The generator wrk, which sends the adapter's SQL requests to Druid; FailureError if a request fails."""
    from rollup_bench.engines.druid.client import payload
    from rollup_bench.engines.druid.engine import statement

    bodies, script = folder / "bodies", folder / "script.lua"
    statements = [statement(question, arm.plan) for question in questions]
    bodies.write_bytes(b"\n".join(msgspec.json.encode(payload(sent.text, sent.values)) for sent in statements))
    script.write_text(WRK.replace("BODIES", str(bodies)))
    broker = arm.engine._broker  # type: ignore[attr-defined]  # where the adapter sends it too
    command = [_installed("wrk", "apt-get install wrk"), "--threads", "1", "--connections", "1"]

    def measured(seconds: float) -> Figures:
        out, client = _run(
            [
                *command,
                "--duration",
                f"{seconds:.0f}s",
                "--script",
                str(script),
                f"http://{broker.hosts[0]}:{broker.port}",
            ]
        )
        found = msgspec.json.decode(re.findall(r"\{.*\}", out)[-1])
        if found["failed"]:
            raise FailureError(f"wrk: {found['failed']} of {found['requests']} requests failed")
        count = found["requests"]
        return Figures(count / found["microseconds"] * 1e6, found["p50"] / 1e6, client / count)

    return measured


def latte(arm: Arm, questions: Sequence[Aggregate], folder: Path) -> Generator:
    """The generator latte, which executes the adapter's prepared statement; FailureError if a request fails."""
    sent = [sent_statements(arm, question) for question in questions]
    texts = {text for statements in sent for text, _ in statements}
    if len(texts) > 1 or any(len(statements) > 1 for statements in sent):
        raise FailureError("cassandra: the question takes several statements, which latte cannot send at once")
    script, report = folder / "script.rn", folder / "report.json"
    requests = f"[{', '.join(_rune(values) for ((_, values),) in sent)}]"
    text = LATTE.replace("STATEMENT", texts.pop()).replace("REQUESTS", requests).replace("COUNT", str(len(sent)))
    script.write_text(text)
    connection = arm.engine.served_by.connection
    address = f"{connection.hosts[0]}:{connection.port}"
    command = [_installed("latte", "cargo install latte-cli"), "run", "--quiet", "--threads", "1", "--concurrency", "1"]

    def measured(seconds: float) -> Figures:
        options = ["--duration", f"{seconds:.0f}s", "--output", str(report), str(script), address]
        _, client = _run([*command, *options])
        found = msgspec.json.decode(report.read_bytes())["result"]
        if found["error_count"]:
            raise FailureError(f"latte: {found['error_count']} requests failed: {found['errors'][:1]}")
        p50 = found["request_latency"]["percentiles"][MEDIAN]["value"] / 1e3
        return Figures(found["req_throughput"]["value"], p50, client / found["request_count"])

    return measured


GENERATORS = {"druid": wrk, "cassandra": latte}


def side_by_side(
    engine: str, name: str, seconds: float, warm: float, pairs: int
) -> tuple[list[Figures], list[Figures]]:
    """Returns the figures of this program and of the generator, one for each block of `seconds`, `2 * pairs` each."""
    flights = dataset.read("flights")
    rows = events.prepare(flights, home())
    with ExitStack() as stack:
        (opened,) = stack.enter_context(running.opened([engine], "native", home(), lambda _: None))
        arm = running.arm(opened, flights.layout(LAYOUTS[engine]), flights, rows, home(), lambda _: None)
        default = flights.question(name).fill()
        if not isinstance(default, Aggregate):
            raise RequestError(f"--question: {name} is no aggregate")
        questions = [moved(default, days) for days in MOVES]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        own = ours(stack.enter_context(opened.session(arm.plan)), questions)
        other = GENERATORS[engine](arm, questions, folder)
        own(warm)
        other(max(warm / 4, 1.0))
        blocks = [(own(seconds), other(seconds), other(seconds), own(seconds)) for _ in range(pairs)]
    return [one for a, _, _, d in blocks for one in (a, d)], [one for _, b, c, _ in blocks for one in (b, c)]


def _installed(program: str, remedy: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise RequestError(f"{program} is not installed: run `{remedy}`")
    return found


def _run(command: Sequence[str]) -> tuple[str, float]:
    """Returns the standard output of a program and its processor seconds; FailureError if the program fails."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            raise FailureError(f"{Path(command[0]).name}: {errors.read().strip()[-300:]}")
        return output.read(), used.ru_utime + used.ru_stime


def _rune(values: Sequence[Any]) -> str:
    """Returns values of a statement as an array in the language of latte's scripts."""
    return f"[{', '.join(map(_literal, values))}]"


def _literal(value: Any) -> str:
    return msgspec.json.encode(value if isinstance(value, str) else int(value)).decode()


def _ratios(own: Sequence[Figures], other: Sequence[Figures], what: str) -> list[float]:
    return [getattr(a, what) / getattr(b, what) for a, b in zip(own, other, strict=True)]


def _said(ratios: Sequence[float]) -> str:
    return f"{np.median(ratios):.2f} times the generator's ({min(ratios):.2f} to {max(ratios):.2f})"


@click.command()
@engines_default("druid,cassandra")
@click.option("--question", default="delays-by-hour", show_default=True, help="An aggregate of the flights.")
@click.option("--seconds", type=click.FloatRange(min=1), default=10.0, show_default=True, help="Length of a block.")
@click.option("--warm", type=click.FloatRange(min=1), default=120.0, show_default=True, help="Seconds of the warm-up.")
@click.option(
    "--pairs", type=click.IntRange(min=1), default=5, show_default=True, help="Number of ABBA pairs of blocks."
)
def main(engines: list[str], question: str, seconds: float, warm: float, pairs: int) -> None:
    """Prints the figures of both clients; exits with 1 if they differ by over 15% without this client's share."""
    agree = True
    for engine in engines:
        own, other = side_by_side(engine, question, seconds, warm, pairs)
        for name, figures in (("rollup-bench", own), (GENERATORS[engine].__name__, other)):
            rate, p50, client = np.median(np.array(figures), axis=0)
            shown = f"{rate:8.1f} requests/s, p50 {1e3 * p50:.3f} ms, client {1e3 * client:.3f} processor ms a request"
            click.echo(f"{engine:10} {name:13}{shown}")
        for what in ("rate", "p50"):
            click.echo(f"{engine:10} {what}: {_said(_ratios(own, other, what))}")
            without = _ratios([figures.without_client() for figures in own], other, what)
            click.echo(f"{engine:10} {what} without our client: {_said(without)}")
            agree = agree and abs(float(np.median(without)) - 1) <= AGREE
    sys.exit(not agree)


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
