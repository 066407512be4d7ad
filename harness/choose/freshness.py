"""Whether stores follow a stream of new events, and how fresh their answers are meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, isclose

import msgspec

from rollup_bench.harness.choose.candidates import Candidate, Part
from rollup_bench.harness.choose.evidence import LEAST_LAUNCHES
from rollup_bench.harness.choose.needs import DAY, Needs
from rollup_bench.harness.choose.prices import Pricing
from rollup_bench.harness.choose.streamed import Streamed
from rollup_bench.harness.records.lines import parts
from rollup_bench.workloads.layouts import TUNED

AT_ONCE = "the tables of tuned are made from all events at once, so that no stream fills them"


@dataclass(frozen=True)
class Freshness:
    """Judges the stores of candidates by the streams that they followed.

    Without a needed broker, a store may use any of those through which it followed streams.
    """

    pricing: Pricing

    @property
    def needs(self) -> Needs:
        """What is asked of stores."""
        return self.pricing.needs

    @property
    def rate(self) -> float:
        """The needed rate of events, a second."""
        return max(self.needs.events_a_second, self.needs.events_a_day / DAY)

    def failure(self, part: Part) -> str:
        """Returns why a store is known not to follow the stream that is needed; empty if it does or if it is unknown.

        It is known if it fails through each broker: whatever the rates are, or with a stream that is as fast or slower
        while as many questions or fewer were asked.
        """
        if not self.needs.follows or self.able(part):
            return ""
        if parts(part.store.arm)[1] == TUNED:
            return AT_ONCE
        by_broker: dict[str, list[str]] = {}
        for stream in self._streams(part):
            by_broker.setdefault(stream.broker, []).append(self._fails(part, stream))
        reasons = [next(filter(None, each), "") for each in by_broker.values()]
        return reasons[0] if reasons and all(reasons) else ""

    def unknown(self, part: Part) -> str:
        """Returns what is not known of a store that does not fail; empty if it is known to serve.

        It is known if the store followed a stream that is as fast or faster, while as many questions or more were
        asked, whole and fresh enough in three launches.
        """
        if not self.needs.follows or self.able(part):
            return ""
        needs = self.needs
        within = f" with 99 of 100 in answers within {needs.fresh_seconds:g} s" if needs.fresh_seconds else ""
        through = f" through {needs.broker}" if needs.broker else ""
        return f"it is not known to follow {self.rate:g} events a second{through}{within} while it is asked"

    def shown(self, part: Part) -> Streamed | None:
        """Returns the slowest stream that shows that a store serves; None if there is none, or if none is needed."""
        able = self.able(part) if self.needs.follows else []
        return min(able, key=lambda one: (one.rate, one.asked), default=None)

    def limit(self, candidate: Candidate) -> tuple[float, float] | None:
        """Returns the least seconds that all stores are known to serve, and those below which one is known not to.

        The second number is 0 unless streams that were no faster show it, during which no more questions were asked.
        The seconds that are needed do not matter. None if nothing is known.
        """
        free = self._with(fresh_seconds=None)
        fastest = [min(free.able(part), key=_high, default=None) for part in candidate.parts]
        highs = [one.high for one in fastest if one and one.high is not None]
        if not self.needs.follows or len(highs) < len(fastest):
            return None
        most = max(highs)
        return most, min(most, max(self._exceeds(part) for part in candidate.parts))

    def _exceeds(self, part: Part) -> float:
        """The seconds within which a store is known not to have 99 of 100 events in answers, through any broker."""
        by_broker: dict[str, float] = {}
        for one in self._streams(part):
            shows = not one.never and not one.fails and self._is_slower(part, one)
            by_broker[one.broker] = max(by_broker.get(one.broker, 0.0), one.low if shows else 0.0)
        return min(by_broker.values(), default=0.0)

    def _is_slower(self, part: Part, stream: Streamed) -> bool:
        return _at_most(stream.rate, self.rate) and _at_most(stream.asked, self._asked(part))

    def most(self, part: Part) -> float:
        """Returns up to which rate of questions a store is known to serve; infinite if it need not follow a stream."""
        if not self.needs.follows:
            return inf
        return max((one.asked for one in self.able(part, asked=0.0)), default=0.0) / (self._share(part) or 1.0)

    def fastest(self, candidate: Candidate) -> tuple[float, float | None]:
        """Returns up to which rate of events all stores are known to follow, and a higher one at which one fails.

        The needed rate of events does not matter. None if no store is known to fail at a higher rate.
        """
        at_any = self._with(events_a_second=0.0, events_a_day=0.0)
        met = min(max((one.rate for one in at_any.able(part)), default=0.0) for part in candidate.parts)
        tried = sorted({one.rate for part in candidate.parts for one in self._streams(part) if one.rate > met})
        fails = (rate for rate in tried if any(map(self._with(events_a_second=rate).failure, candidate.parts)))
        return met, next(fails, None)

    def _with(self, **changes: float | None) -> "Freshness":
        """The judgement by needs with other values."""
        return Freshness(Pricing(self.pricing.stores, msgspec.structs.replace(self.needs, **changes)))

    def _streams(self, part: Part) -> Iterator[Streamed]:
        return (one for one in part.store.streams if self.needs.broker in (None, one.broker))

    def _share(self, part: Part) -> float:
        """The share of a store's questions in all questions."""
        shares = self.pricing.shares()
        return sum(shares[question] for question in part.questions)

    def _asked(self, part: Part) -> float:
        return self.needs.rate * self._share(part)

    def _fails(self, part: Part, stream: Streamed) -> str:
        at = f"at {stream.rate:g} events a second through {stream.broker}"
        slower = self._is_slower(part, stream)
        if stream.never or (stream.fails and slower):
            return stream.never or f"{at}: {stream.fails}"
        if slower and self.needs.fresh_seconds is not None and stream.low > self.needs.fresh_seconds:
            return f"{at}, 99 of 100 events are in answers only after {stream.low:.3g} s or more"
        return ""

    def able(self, part: Part, asked: float | None = None) -> list[Streamed]:
        """Returns the streams that show that a store serves, while it is `asked` so many questions a second."""
        wanted = self._asked(part) if asked is None else asked
        fresh = inf if self.needs.fresh_seconds is None else self.needs.fresh_seconds
        return [
            one
            for one in self._streams(part)
            if not one.never
            and not one.fails
            and one.launches >= LEAST_LAUNCHES
            and (fresh == inf or _high(one) <= fresh)
            and _at_most(self.rate, one.rate)
            and _at_most(wanted, one.asked)
        ]


def _high(stream: Streamed) -> float:
    return inf if stream.high is None else stream.high


def _at_most(one: float, other: float) -> bool:
    """Whether a rate is at most another one, which may have been rounded."""
    return one <= other or isclose(one, other, rel_tol=1e-6)
