"""Prints which store, or which pair of stores, was chosen, at what price, and what would change the choice."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from rollup_bench.harness.choose.flips import Flip
from rollup_bench.harness.choose.needs import a_second
from rollup_bench.harness.choose.rule import Decision, Offer, Rule
from rollup_bench.harness.choose.streamed import Streamed
from rollup_bench.harness.report.grid import new_table, print_table
from rollup_bench.harness.report.terminal import print_item

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
NOTHING = "no measured store is known to serve these needs"


def decision(rule: Rule, decided: Decision, flips: Sequence[Flip], console: Console) -> None:
    """Prints a decision: the needs, what to choose and why, what would change it, and what is not known."""
    console.print(f"[dim]{escape(scope(rule))}[/dim]")
    console.print(Text(sentence(decided), style="bold"))
    if decided.offers:
        _print_offers(decided.offers, console)
        for offer in _best_of_each_kind(decided.offers):
            print_item(described(offer, decided.offers[0], rule.needs.rate), console)
    if flips:
        console.print("What would change it:")
    for flip in flips:
        print_item(f"  {flip_text(flip)}", console)
    for failure in decided.failing:
        if " and " not in failure.name:
            print_item(f"does not serve: {failure.name}: {failure.why}", console)
    for refusal in decided.refused:
        print_item(f"not known: {refusal.what}: {refusal.why}", console)
        _print_command(refusal.command, console)


def _print_command(command: str, console: Console) -> None:
    """Prints a command, if there is one, in one line, so that a shell reads it whole."""
    if command:
        console.print(Text(f"    {command}"), soft_wrap=True)


def scope(rule: Rule) -> str:
    """Returns a line that says what the decision is about."""
    evidence, needs = rule.evidence, rule.needs
    total = sum(rule.ask.values())
    asked = ", ".join(f"{weight / total:.0%} {question}" for question, weight in rule.ask.items())
    unforeseen = f", {needs.unforeseen:.0%} of the questions unforeseen" if needs.unforeseen else ""
    sizes = "; ".join(f"{size:,}" for size in evidence.sizes)
    how = f" (extrapolated from runs of {sizes}; times under load are not known)" if sizes else ""
    return f"{evidence.dataset}, {evidence.rows:,} rows{how}, {a_second(needs.rate)}{unforeseen}: {asked}"


def sentence(decided: Decision) -> str:
    """Returns the decision in a sentence."""
    if decided.answer == "refused":
        return "No choice: what these needs ask for is not known well enough."
    if decided.answer == "neither":
        return f"Choose neither one store nor two: {NOTHING}."
    by_name = {offer.name: offer for offer in decided.offers}
    first = by_name[decided.chosen[0]]
    if len(decided.chosen) == 1:
        draws = "all draws" if first.cheapest == 1 else f"{first.cheapest:.1%} of the draws"
        return f"Choose {first.name}: it costs {money(first)} a month, and is the cheapest in {draws}."
    return f"Choose {either(decided.chosen)}: their prices cannot be told apart."


def either(names: Sequence[str]) -> str:
    """Returns the names of candidates of which one is to be chosen; it is said of each whether it is a pair."""
    kinds = {" and " in name for name in names}
    each = [f"{name} {'together' if ' and ' in name else 'alone'}" for name in names] if len(kinds) > 1 else names
    return ", or ".join(each)


def money(offer: Offer) -> str:
    """Returns the price of an offer with its interval."""
    price = offer.price
    return f"{price.middle:,.3g} (99%: {price.low:,.3g} to {price.high:,.3g})"


def described(offer: Offer, cheapest: Offer, rate: float) -> str:
    """Returns which questions go where in an offer, what its systems need together, and how fast they are at a rate."""
    kind, ratio = ("single store", "pair")[len(offer.questions) - 1], offer.price.middle / cheapest.price.middle
    dearer = f", {ratio:.3g} times the lowest price" if offer is not cheapest else ""
    sizes = f"{_gb(offer.disk_bytes)} on disk, {_gb(offer.memory_bytes)} of memory"
    where = "".join(f"; {arm} answers {', '.join(questions)}" for arm, questions in offer.questions.items())
    seconds = "its load was not measured" if offer.load_seconds is None else f"loads in {offer.load_seconds:,.3g} s"
    loaded = f"{seconds}, {sizes}"
    fresh = "".join(f"; {freshness(arm, seen)}" for arm, seen in offer.fresh.items())
    speed = f"; {response(offer)} at {a_second(rate)}"
    return f"best {kind}: {offer.name}{dearer}: {loaded}{where if kind == 'pair' else ''}{speed}{fresh}"


def response(offer: Offer) -> str:
    """Returns how fast the answers of an offer are known to be."""
    low, high = (1000 * bound if bound else None for bound in offer.p95)
    apart = ", each store measured by itself," if len(offer.questions) > 1 else ""
    if high is not None:
        return f"95 of 100 answers come within {high:,.3g} ms{apart}"
    return f"the p95 of response times{apart} is " + (f"above {low:,.3g} ms" if low else "not known")


def freshness(arm: str, seen: Streamed) -> str:
    """Returns how fresh the answers of a store were during a stream."""
    fresh = f"only after {seen.low:,.3g} s or more" if seen.high is None else f"within {seen.high:,.3g} s"
    stream = f"{seen.rate:g} events a second through {seen.broker}, asked {a_second(seen.asked)}"
    right = f"{seen.right:.1%} of the answers meanwhile were right"
    return f"{arm} followed {stream}: 99 of 100 events were in answers {fresh}, and {right}"


def flip_text(flip: Flip) -> str:
    """Returns what is chosen beyond a value of a need or price, and between which bounds the value lies."""
    need = LABELS.get(flip.need, f"weight of {flip.need}")
    low, high = ("unknown" if bound is None else _short(bound) for bound in (flip.low, flip.high))
    between = "" if flip.low == flip.high else f" (99%: {low} to {high})"
    if flip.need == "events_a_second":
        between = "" if flip.high is None else f" (failed at {high})"
    now = "" if flip.now is None else f", now {_short(flip.now)}"
    beyond = f"{need} {'above' if flip.up else 'below'} {_short(flip.value)}"
    return f"{beyond}{between}{now}: {either(flip.chosen) or NOTHING}"


def _short(value: float) -> str:
    """Returns a number with three digits that count; large ones are written out."""
    return f"{float(f'{value:.3g}'):,.15g}"


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
    console.print("[dim]Prices are for one month. Columns that begin with `for` are parts of the price.[/dim]")
    if len(offers) > _SHOWN:
        console.print(f"[dim]left out: {len(offers) - _SHOWN} dearer ones[/dim]")


def _best_of_each_kind(offers: Sequence[Offer]) -> list[Offer]:
    """Returns the cheapest single store and the cheapest pair."""
    kinds = {len(offer.questions): offer for offer in reversed(offers)}
    return [kinds[number] for number in sorted(kinds)]


def _gb(size: float) -> str:
    return f"{size / 1e9:,.3g} GB"
