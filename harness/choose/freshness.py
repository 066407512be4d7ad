"""Whether stores keep up with a stream of new events, and how fresh their answers are meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from rollup_bench.harness.choose.candidates import Candidate
from rollup_bench.harness.choose.evidence import LEAST_LAUNCHES, Store
from rollup_bench.harness.choose.needs import Needs
from rollup_bench.harness.choose.streamed import Streamed
from rollup_bench.harness.records.lines import parts
from rollup_bench.workloads.layouts import TUNED

AT_ONCE = "the tables of tuned are made from all events at once, so that no stream fills them"


@dataclass(frozen=True)
class Freshness:
    """Judges stores by the streams that they followed, for given needs."""

    needs: Needs

    @property
    def asked(self) -> bool:
        """Whether the needs ask for a store that follows a stream."""
        return self.needs.fresh_seconds is not None or bool(self.needs.events_a_second or self.needs.broker)

    def failure(self, store: Store) -> str:
        """Returns why a store is known not to follow the stream that is needed; empty if it does or if it is unknown.

        A stream that is slower, and during which less is asked, shows that a store fails. Without a needed rate, the
        slowest stream counts.
        """
        if not self.asked:
            return ""
        if parts(store.arm)[1] == TUNED:
            return AT_ONCE
        streams = list(self._streams(store))
        rate = self.needs.events_a_second or min((one.rate for one in streams), default=0.0)
        slower = [one for one in streams if one.rate <= rate and one.asked <= self.needs.rate]
        return next((why for one in slower if (why := self._fails(one))), "")

    def unknown(self, store: Store) -> str:
        """Returns what is not known of the freshness of a store that does not fail; empty if it is known to serve.

        A store is known to serve if it kept up in three launches with a stream that is as fast or faster, while as many
        questions or more were asked.
        """
        if not self.asked:
            return ""
        able = [one for one in self._streams(store) if self._serves(one)]
        if any(one.launches >= LEAST_LAUNCHES for one in able):
            return ""
        needs = self.needs
        through = f" through {needs.broker}" if needs.broker else ""
        at = f" at {needs.events_a_second:g} events" if needs.events_a_second else " at any rate of events"
        few = f" in {LEAST_LAUNCHES} launches" if able else ""
        return f"its freshness{at}{through} and {needs.rate:g} questions a second was not measured{few}"

    def shown(self, store: Store) -> Streamed | None:
        """Returns the slowest stream that shows that a store serves; None if there is none, or if none is needed."""
        able = [one for one in self._streams(store) if self.asked and self._serves(one)]
        return min(able, key=lambda one: (one.rate, one.asked), default=None)

    def limit(self, candidate: Candidate) -> tuple[float, float] | None:
        """Returns between which seconds 99 of 100 events are in answers of the slowest store; None if unknown."""
        seen = [self.shown(part.store) for part in candidate.parts]
        highs = [one.high for one in seen if one and one.high is not None]
        return (max(one.low for one in seen if one), max(highs)) if len(highs) == len(seen) else None

    def _streams(self, store: Store) -> Iterator[Streamed]:
        return (one for one in store.streams if self.needs.broker in (None, one.broker))

    def _fails(self, stream: Streamed) -> str:
        at = f"at {stream.rate:g} events a second through {stream.broker}"
        if stream.fails:
            return f"{at}: {stream.fails}"
        if self.needs.fresh_seconds is not None and stream.low > self.needs.fresh_seconds:
            return f"{at}, 99 of 100 events are in answers only after {stream.low:.3g} s or more"
        return ""

    def _serves(self, stream: Streamed) -> bool:
        needs = self.needs
        fresh = needs.fresh_seconds is None or (inf if stream.high is None else stream.high) <= needs.fresh_seconds
        return not stream.fails and fresh and stream.rate >= needs.events_a_second and stream.asked >= needs.rate
