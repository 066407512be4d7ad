"""Returns as Markdown what a run shows: which stores are chosen for roll-ups and for cohorts, and the medians."""

from collections.abc import Iterator, Sequence

import msgspec

from rollup_bench.harness.choose.evidence import Evidence, evidence
from rollup_bench.harness.choose.needs import Needs
from rollup_bench.harness.choose.rule import Decision, Rule
from rollup_bench.harness.records.findings import Run, differences, drifting, processor_differences
from rollup_bench.harness.records.lines import MixedQuestions, OpenLoop, Rounds, of_type
from rollup_bench.harness.report.cells import CellView, by_question
from rollup_bench.harness.report.decisions import money
from rollup_bench.harness.report.grid import milliseconds
from rollup_bench.harness.report.load_table import costs
from rollup_bench.harness.report.loads import load_views
from rollup_bench.harness.report.mixes import MixView, mixes
from rollup_bench.harness.report.rates import figure_text
from rollup_bench.harness.report.tables import doubts, loaded_once, noise, unsettled
from rollup_bench.harness.stats.claims import Claim
from rollup_bench.harness.stats.effort import WALL, WIDTH
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads.questions import Aggregate, Cohort

_ENGINES = {
    "Druid or Cassandra": ["druid", "cassandra"],
    "DuckDB, Druid or Cassandra": ["duckdb", "druid", "cassandra"],
}
_RATES = (1.0, 50.0)  # questions a second
_UNFORESEEN = 0.1  # a share of the questions
_NAMED = 3  # at most so many stores and pairs are named that cannot be told apart


def table(rows: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown; the first row is its heading."""
    heading, *rest = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([heading, f"|{' --- |' * len(rows[0])}", *rest])


def choices(run: Run, name: str) -> str:
    """Returns a table of what is chosen for kinds of questions, and which store of a chosen pair answers what."""
    known, rows, pairs = evidence(run, name), [["questions", "a second", *_ENGINES]], dict[str, None]()
    for what, needs in _asked(run, known):
        for rate in _RATES:
            row = [what, f"{rate:g}"]
            for engines in _ENGINES.values():
                decided = Rule(known, msgspec.structs.replace(needs, rate=rate, engines=engines)).choose()
                row.append(_chosen(decided))
                pairs.update(dict.fromkeys(_pair(what, decided)))
            rows.append(row)
    unsure = _unsure(known)
    left = [f"- Left out, since times still changed or requests took several routes: {', '.join(unsure)}."]
    doubtful = [f"- {words}." for words in doubts(run, _ENGINES["DuckDB, Druid or Cassandra"])]
    notes = [*pairs, *left * bool(unsure), *doubtful]
    return "\n".join([table(rows), *[""] * bool(notes), *notes])


def stores(run: Run) -> str:
    """Returns what the stores of a run cost as a whole: their loads, and the mix of questions if the run asked one."""
    rows = [["store", "loaded in s", "built in s", "events a second", "MiB"]]
    for load in load_views(run):
        seconds, _, built, _, rate, size = costs(load.cost, "", run.header.rows)
        rows.append([f"`{load.cost.arm}`", seconds, built, rate, size])
    return "\n\n".join([table(rows), *(_mix(mix, views) for mix, views in mixes(run))])


def _mix(mix: MixedQuestions, views: Sequence[MixView]) -> str:
    """A table of a mix: requests a second of one client, and processor time a request."""
    rows = [[f"mix `{mix.question}`", "one client, a second", "CPU ms a request"]]
    for view in views:
        rows.append([f"`{view.arm}`", view.refused or figure_text(view.alone), figure_text(view.processor, 1000)])
    return table(rows)


def results(run: Run) -> str:
    """Returns the medians of a run by question and arm, and what must be known to read them."""
    cells = {name: views for name, views in by_question(run).items() if any(view.time for view in views)}
    arms = list(dict.fromkeys(view.arm for views in cells.values() for view in views))
    rows = [["question", *arms]]
    for question, views in cells.items():
        shown = {view.arm: _median(view) for view in views}
        rows.append([f"`{question}`", *(shown.get(arm, "") for arm in arms)])
    timed = sum(1 for views in cells.values() for view in views if view.time)
    return "\n".join([table(rows), "", *_remarks(run, timed)])


def _unsure(known: Evidence) -> list[str]:
    """The questions whose figures support no choice on one of the stores, though they were timed there."""
    timed = {question for store in known.stores for question in store.processor}
    unsure = {question for store in known.stores for question in store.unsure}
    return [question for question in known.questions if question in timed & unsure]


def _asked(run: Run, known: Evidence) -> Iterator[tuple[str, Needs]]:
    """Yields kinds of timed questions in words, with needs that ask each question of the kind equally often."""
    templates, unsure = datasets.read(run.header.dataset).questions, _unsure(known)
    timed = {name: templates[name].fill() for name, _ in run.questions if name in templates and name not in unsure}
    rollups = {name: 1.0 for name, question in timed.items() if isinstance(question, Aggregate)}
    cohorts = {name: 1.0 for name, question in timed.items() if isinstance(question, Cohort)}
    yield f"{len(rollups)} aggregates", Needs(ask=rollups)
    yield f"{len(cohorts)} cohorts", Needs(ask=cohorts)
    yield "both kinds", Needs(ask=rollups | cohorts)
    yield f"both kinds, {_UNFORESEEN:.0%} unforeseen", Needs(ask=rollups | cohorts, unforeseen=_UNFORESEEN)


def _chosen(decided: Decision) -> str:
    if decided.answer in ("refused", "neither"):
        return "not known" if decided.refused else "none serves"
    by_name = {offer.name: offer for offer in decided.offers}
    names = " or ".join(f"`{name}`" for name in decided.chosen[:_NAMED])
    others = len(decided.chosen) - _NAMED
    more = f" or {others} others" if others > 0 else ""
    return f"{names}{more}: {money(by_name[decided.chosen[0]])}"


def _pair(what: str, decided: Decision) -> Iterator[str]:
    """Yields which store answers what, if one pair is chosen."""
    if decided.answer == "both" and len(decided.chosen) == 1:
        offer = next(offer for offer in decided.offers if offer.name == decided.chosen[0])
        answered = (f"`{arm}` answers {', '.join(questions)}" for arm, questions in offer.questions.items())
        yield f"- {what}: {'; '.join(answered)}."


def _median(view: CellView) -> str:
    """Returns the median; bold if all others on the same layout are claimed to be slower, with a mark if it drifts."""
    if not view.time:
        return view.verdict
    shown = milliseconds(view.time.median)
    return f"**{shown}**" if view.told_apart else f"{shown} (drifts)" if view.drifts else shown


def _remarks(run: Run, cells: int) -> Iterator[str]:
    """Yields sentences about the exactness of a run that timed so many cells."""
    launches = len({one.launch for one in of_type(run.lines, Rounds)})
    yield f"Bold: all other engines on the same layout are claimed to be slower. The run has {launches} launches."
    yield f"The {noise(run)}."
    yield from (f"{words}." for words in (unsettled(run), loaded_once(run), *doubts(run)) if words)
    compared = {"wall time": (differences(run), WALL), "processor time": (processor_differences(run), WIDTH)}
    for what, (found, width) in compared.items():
        apart = sum(one.claim.told_apart for one in found)
        exact = sum(_exact(one.claim, width) for one in found if not one.claim.told_apart)
        open_ = len(found) - apart - exact
        known = f"{apart} are told apart in {what}, {exact} others are known to ±{width:.0%}, and {open_} are undecided"
        yield f"Of {len(found)} pairs of arms, {known}."
    changing = len(drifting(run))
    if changing:
        still = f"In {changing} of {cells} cells, times still changed while they were measured"
        yield f"{still}; nothing is claimed about these."
    else:
        yield f"In none of {cells} cells did times still change while they were measured."
    loops = of_type(run.lines, OpenLoop)
    if loops:
        where = "their response times are on the page Under load"
        yield f"In {len(loops)} open loops, requests were sent at a fixed rate; {where}."


def _exact(claim: Claim, width: float) -> bool:
    """Whether a ratio is known to ±`width`, a fraction."""
    low, high = claim.low, claim.high
    return low is not None and high is not None and (high / low) ** 0.5 <= 1 + width
