"""Prints which store, or which pair of stores, was chosen, at what price, and what would change the choice."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from rollup_bench.harness.choose.flips import Flip
from rollup_bench.harness.choose.rule import Decision, Offer, Rule
from rollup_bench.harness.choose.streamed import Streamed
from rollup_bench.harness.report.grid import new_table, print_table

_SHOWN = 8  # the offers that are printed; all others are dearer
LABELS = {
    "rate": "questions a second",
    "unforeseen": "share of unforeseen questions",
    "p95_ms": "p95 in ms",
    "events_a_day": "events a day",
    "events_a_second": "events a second",
    "fresh_seconds": "seconds until events are in answers",
    "disk_gb": "GB on disk",
    "load_seconds": "seconds of the load",
    "cpu_hour": "price of a core for an hour",
    "memory_gb_month": "price of a GB of memory",
    "disk_gb_month": "price of a GB on disk",
    "system_month": "price of running a system",
    "cluster_hour": "price of a machine for an hour",
}
"""What readers call the needs and prices; all other needs are weights of questions."""
NOTHING = "nothing that was measured serves these needs"


def decision(rule: Rule, decided: Decision, flips: Sequence[Flip], console: Console) -> None:
    """Prints a decision: the needs, what to choose and why, what would change it, and what is not known."""
    console.print(f"[dim]{escape(scope(rule))}[/dim]")
    console.print(Text(sentence(decided), style="bold"))
    if decided.offers:
        _print_offers(decided.offers, console)
        for offer in _best_of_each_kind(decided.offers):
            console.print(Text(described(offer, decided.offers[0])))
    if flips:
        console.print("What would change it:")
    for flip in flips:
        console.print(Text(f"  {flip_text(flip)}"))
    for failure in decided.failing:
        if " and " not in failure.name:
            console.print(Text(f"does not serve: {failure.name}: {failure.why}"))
    for refusal in decided.refused:
        console.print(Text(f"not known: {refusal.what}: {refusal.why}"))
        console.print(Text(f"    {refusal.command}"))


def scope(rule: Rule) -> str:
    """Returns a line that says what the decision is about."""
    evidence, needs = rule.evidence, rule.needs
    total = sum(rule.ask.values())
    asked = ", ".join(f"{weight / total:.0%} {question}" for question, weight in rule.ask.items())
    unforeseen = f", {needs.unforeseen:.0%} of the questions unforeseen" if needs.unforeseen else ""
    questions = "1 question" if needs.rate == 1 else f"{needs.rate:g} questions"
    return f"{evidence.dataset}, {evidence.rows:,} rows, {questions} a second{unforeseen}: {asked}"


def sentence(decided: Decision) -> str:
    """Returns the decision in a sentence."""
    if decided.answer == "refused":
        return "No choice: what these needs ask for was not measured."
    if decided.answer == "neither":
        return f"Choose neither one store nor two: {NOTHING}."
    by_name = {offer.name: offer for offer in decided.offers}
    first = by_name[decided.chosen[0]]
    if len(decided.chosen) == 1:
        draws = "all draws" if first.cheapest == 1 else f"{first.cheapest:.1%} of the draws"
        return f"Choose {first.name}: it costs {money(first)} a month, and is the cheapest in {draws}."
    return f"Choose {' or '.join(decided.chosen)}: their prices cannot be told apart."


def money(offer: Offer) -> str:
    """Returns the price of an offer with its interval."""
    price = offer.price
    return f"{price.middle:,.3g} (99%: {price.low:,.3g} to {price.high:,.3g})"


def described(offer: Offer, cheapest: Offer) -> str:
    """Returns which questions go where in an offer, and what its systems need together."""
    kind, ratio = ("single store", "pair")[len(offer.questions) - 1], offer.price.middle / cheapest.price.middle
    dearer = f", {ratio:.3g} times the lowest price" if offer is not cheapest else ""
    sizes = f"{_gb(offer.disk_bytes)} on disk, {_gb(offer.memory_bytes)} of memory"
    where = "".join(f"; {arm} answers {', '.join(questions)}" for arm, questions in offer.questions.items())
    loaded = f"loads in {offer.load_seconds:,.3g} s, {sizes}"
    fresh = "".join(f"; {freshness(arm, seen)}" for arm, seen in offer.fresh.items())
    return f"best {kind}: {offer.name}{dearer}: {loaded}{where if kind == 'pair' else ''}{fresh}"


def freshness(arm: str, seen: Streamed) -> str:
    """Returns how fresh the answers of a store were during a stream."""
    fresh = f"only after {seen.low:,.3g} s or more" if seen.high is None else f"within {seen.high:,.3g} s"
    stream = f"{seen.rate:g} events a second through {seen.broker}, asked {seen.asked:g} questions a second"
    right = f"{seen.right:.1%} of the answers meanwhile were right"
    return f"{arm} followed {stream}: 99 of 100 events were in answers {fresh}, and {right}"


def flip_text(flip: Flip) -> str:
    """Returns what is chosen beyond a value of a need or price, and between which bounds the value lies."""
    need = LABELS.get(flip.need, f"weight of {flip.need}")
    low, high = ("unknown" if bound is None else f"{bound:,.3g}" for bound in (flip.low, flip.high))
    between = "" if flip.low == flip.high else f" (99%: {low} to {high})"
    chosen = " or ".join(flip.chosen) or NOTHING
    now = "" if flip.now is None else f", now {flip.now:,.3g}"
    return f"{need} {'above' if flip.up else 'below'} {flip.value:,.3g}{between}{now}: {chosen}"


def _print_offers(offers: Sequence[Offer], console: Console) -> None:
    paid = list(dict.fromkeys(name for offer in offers[:_SHOWN] for name in offer.price.paid))
    right = ("a month", "price 99%", "cheapest in", *(f"for {name}" for name in paid))
    table = new_table("store or pair", right=right)
    for offer in offers[:_SHOWN]:
        price = offer.price
        parts = [f"{price.paid[name]:,.3g}" if name in price.paid else "" for name in paid]
        between = f"{price.low:,.3g} to {price.high:,.3g}"
        name = offer.name.replace(" and ", "\n  and ")
        table.add_row(name, f"{price.middle:,.3g}", between, f"{offer.cheapest:.1%}", *parts)
    print_table(table, console)
    if len(offers) > _SHOWN:
        console.print(f"[dim]left out: {len(offers) - _SHOWN} dearer ones[/dim]")


def _best_of_each_kind(offers: Sequence[Offer]) -> list[Offer]:
    """Returns the cheapest single store and the cheapest pair."""
    kinds = {len(offer.questions): offer for offer in reversed(offers)}
    return [kinds[number] for number in sorted(kinds)]


def _gb(size: float) -> str:
    return f"{size / 1e9:,.3g} GB"
