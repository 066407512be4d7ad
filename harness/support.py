"""Which engine supports which kind of question, on which layout, and where it runs: a table made from kept runs.

`python -m harness.support README.md RUN.jsonl...` writes it into the file, between the two lines that mark its place.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from engines.contract import Where
from harness.clock.findings import Run
from harness.clock.records import Verdict, of_type
from harness.terminal import ended
from workloads import dataset
from workloads.errors import RequestError
from workloads.layouts import RAW, TAILORED
from workloads.measures import Function
from workloads.questions import Aggregate, Cohort, Funnel, Question
from workloads.rule import obstacle

BEGIN, END = "<!-- written by make readme -->", "<!-- end of what make readme writes -->"
KINDS = (
    "counts and sums",
    "subtotals",
    "top-n",
    "distinct, exact",
    "distinct, estimated",
    "quantiles, exact",
    "quantiles, estimated",
    "cohorts by time",
    "cohorts by a dimension",
    "cohorts, unbounded or cumulative",
    "cohorts, estimated",
    "funnels",
)
LAYOUTS = (RAW, "roll-up", TAILORED)
"""A question is on `roll-up` what the best of the declared roll-ups makes of it."""

_RANK = {"wrong": 0, "failed": 0, "right": 1, "within bound": 1, "unsupported": 2}
_OUTCOMES = (*Where, "wrong", "failed", "no")


class Place(NamedTuple):
    """A cell of the table: a kind of question, asked of an engine on one of LAYOUTS."""

    kind: str
    engine: str
    layout: str


def kind(question: Question) -> str:
    """The hardest thing that a question asks for, as KINDS names it."""
    match question:
        case Aggregate():
            return _aggregate(question)
        case Funnel():
            return "funnels"
        case Cohort() if question.error:
            return "cohorts, estimated"
        case Cohort() if question.cumulative or question.retention == "unbounded":
            return "cohorts, unbounded or cumulative"
        case Cohort():
            return "cohorts by a dimension" if question.by else "cohorts by time"


def _aggregate(question: Aggregate) -> str:
    for function, name in ((Function.QUANTILE, "quantiles"), (Function.DISTINCT, "distinct")):
        errors = [one.error for one in question.measures if one.function is function]
        if errors:
            return f"{name}, {'estimated' if all(errors) else 'exact'}"
    if question.top:
        return "top-n"
    return "counts and sums" if question.subtotals == "none" else "subtotals"


def table(runs: Iterable[Run]) -> str:
    """In Markdown: the table, the reasons that its numbers stand for, and what was run. Of two runs the later counts.

    RequestError where a run is of a dataset that is not known here.
    """
    ordered = sorted(runs, key=lambda run: run.header.started)
    found = _found(ordered)
    engines = dict.fromkeys(place.engine for place in found)
    arms = [
        (engine, layout) for engine in engines for layout in LAYOUTS if any(p[1:] == (engine, layout) for p in found)
    ]
    reasons: dict[str, Verdict] = {}
    rows = [["question", *map("/".join, arms)], ["---"] * (len(arms) + 1)]
    for name in KINDS:
        places = [found.get(Place(name, *arm), []) for arm in arms]
        if any(places):
            rows.append([f"{name} ({max(map(len, places))})", *(_cell(lines, reasons) for lines in places)])
    notes = [
        f"{number}. {line.question} on {line.arm}: {reason}" for number, (reason, line) in enumerate(reasons.items(), 1)
    ]
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), "", *notes, *([""] * bool(notes)), _ran(ordered)])


def _found(runs: Sequence[Run]) -> dict[Place, list[Verdict]]:
    """A verdict for each question of a place."""
    latest = {
        (run.header.dataset, line.question, line.arm): line for run in runs for line in of_type(run.lines, Verdict)
    }
    answers: dict[tuple[Place, str, str], list[tuple[int, bool, Verdict]]] = {}
    for (name, asked, arm), line in latest.items():
        engine, _, kept = arm.partition("/")
        known = dataset.read(name)
        if asked in known.questions and kept in known.layouts:
            question = known.questions[asked].fill()
            place = Place(kind(question), engine, kept if kept in LAYOUTS else LAYOUTS[1])
            ruled = obstacle(question, known.layouts[kept]) is not None  # then an engine's own reason says more
            answers.setdefault((place, name, asked), []).append((_RANK[line.verdict], ruled, line))
    best = {key: min(lines, key=lambda one: one[:2]) for key, lines in answers.items()}
    found: dict[Place, list[Verdict]] = {}
    for (place, *_), (_, _, line) in sorted(best.items(), key=lambda one: one[1][1]):
        found.setdefault(place, []).append(line)
    return found


def _cell(lines: Sequence[Verdict], reasons: dict[str, Verdict]) -> str:
    """Where a place's questions run, and how many where not all do the same; a number for the commonest reason of a no.

    `reasons` gains those that are new, each with where it was given first.
    """
    outcomes = Counter(_outcome(line) for line in lines)
    said = [one if len(outcomes) == 1 else f"{one} {outcomes[one]}" for one in _OUTCOMES if one in outcomes]
    against = [line for line in lines if line.verdict == "unsupported"]
    for reason, _ in Counter(line.reason for line in against).most_common(1):
        reasons.setdefault(reason, next(line for line in against if line.reason == reason))
        said[-1] += f" [{list(reasons).index(reason) + 1}]"
    return ", ".join(said)


def _outcome(line: Verdict) -> str:
    match line.verdict:
        case "unsupported":
            return "no"
        case "wrong" | "failed":
            return line.verdict
        case _:
            return line.where


def _ran(runs: Sequence[Run]) -> str:
    """Of what, and of which versions."""
    versions: dict[str, str] = {}
    for run in runs:
        versions |= run.header.versions
    engines = [f"{name} {version}" for name, version in versions.items() if name != "rollup-bench"]
    return f"Runs of {', '.join(sorted({run.header.dataset for run in runs}))} by {', '.join(engines)}."


def write(page: Path, runs: Iterable[Run]) -> None:
    """Puts the table between the marks of the page; RequestError where it has none."""
    before, begin, rest = page.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise RequestError(f"{page}: no place for the table, which is between `{BEGIN}` and `{END}`")
    page.write_text(f"{before}{begin}\n{table(runs)}\n{end}{after}", "utf-8")


def main() -> None:
    """The page, then the runs."""
    page, *files = map(Path, sys.argv[1:])
    ended(lambda: write(page, [Run.read(file) for file in files]))


if __name__ == "__main__":
    main()
