"""The figures of followed streams, computed from their samples."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

import msgspec
import numpy as np

from rollup_bench.harness.records import kinds
from rollup_bench.harness.records.streams import Asked, Followed, Header, Kind, Record, Unsupported, header_of
from rollup_bench.harness.stats import histograms
from rollup_bench.harness.stats.freshness import Glance, lags

SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)
"""The shares of events for which quantiles of the lags are computed."""
LATE_SHARE = 0.05
"""A schedule was kept if its last question was late by at most this share of the seconds since the start."""
PUNCTUAL, PUNCTUAL_SHARE = 0.05, 0.1
"""The p99 of how late messages are sent may be so many seconds, or such a share of the p99 of the freshness."""

FRESH, WITHIN, RIGHT = 5.0, 1.0, 0.95
"""What a store must do to keep up: seconds within which 99 of 100 events are visible, seconds within which 95 of 100
answers come, and the share of answers that are right."""


class Figures(msgspec.Struct, frozen=True):
    """The figures of a stream that an arm followed; times are in seconds.

    `kinds` and `writing` are of the answers that were asked before the stream was stored. `asked` is how many questions
    a second were asked then: those of the schedule, or fewer if questions waited for one another.

    `fresh` has for each of `SHARES` between which seconds the quantile of the lags of all events lies; it is empty with
    `void`, which says why there are none; `late` means: because messages were sent late. `writing` and `quiet` have the
    p50 and the p95 of response times. `processor` has the processor seconds for a million events by process, `written`
    the bytes that it wrote to disk for an event, and `message` is the bytes of the message of an event. `resident` has
    the median bytes of the follower in the middle and in the last third of the stream. `caught_up` is the time from a
    kill until an answer has all events sent before.
    """

    fresh: dict[float, tuple[float, float]]
    void: str
    late: bool
    kinds: dict[str, int]
    asked: float
    writing: tuple[float, float]
    quiet: tuple[float, float]
    lost: int | None
    doubled: int | None
    wrong: list[str]
    processor: dict[str, float]
    written: dict[str, float]
    message: float | None
    resident: tuple[float, float] | None
    caught_up: float | None


def figures(header: Header, followed: Followed) -> Figures:
    """The figures of a stream, from its samples."""
    due = np.arange(header.events) / header.rate
    glances = [Glance(one.asked, one.done, one.low, one.high) for one in followed.answers if one.kind is Kind.RIGHT]
    found = lags(glances, due) if glances else None
    fresh = {share: found.quantile(share) for share in SHARES} if found else {}
    behind = histograms.percentile(followed.sent, 0.99)
    late = bool(found) and behind > max(PUNCTUAL, PUNCTUAL_SHARE * fresh[SHARES[-1]][0])
    void = "no answer was right"
    if found:
        void = "its lag grew until the end" if found.grow else ""
    if late:
        void = f"messages were sent late, the p99 by {behind:.3g} s"
    meanwhile = _while_written(header, followed)
    missing = None if followed.stored is None else header.events - followed.stored
    return Figures(
        fresh={} if void else fresh,
        void=void,
        late=late,
        kinds=Counter(one.kind for one in meanwhile),
        asked=_rate(header, meanwhile),
        writing=_responses(meanwhile),
        quiet=_responses(followed.quiet),
        lost=None if missing is None else max(missing, 0),
        doubled=None if missing is None else max(-missing, 0),
        wrong=[name for name, verdict in followed.final.items() if verdict.partition(":")[0] not in kinds.RIGHT],
        processor={name: 1e6 * spent / header.events for name, spent in followed.processor.items()},
        written={name: size / header.events for name, size in followed.written.items()},
        message=followed.message_bytes / header.events if followed.message_bytes else None,
        resident=_thirds(followed.resident),
        caught_up=_caught_up(followed),
    )


def _while_written(header: Header, followed: Followed) -> list[Asked]:
    """The answers that were asked before the stream was stored; the later ones only bound the lags.

    Older files do not say when it was: there, it was when a right answer had all events.
    """
    had = [one.done for one in followed.answers if one.kind is Kind.RIGHT and one.low == header.events]
    whole = min(had, default=np.inf) if followed.whole is None else followed.whole
    return [one for one in followed.answers if one.asked < whole]


def _rate(header: Header, asked: Sequence[Asked]) -> float:
    """Questions a second: those of the schedule, unless the last one was asked more than a twentieth too late."""
    last = max(asked, key=lambda one: one.due, default=None)
    if last is None or last.asked <= last.due * (1 + LATE_SHARE):
        return header.asked
    return header.asked * last.due / last.asked


def _thirds(samples: Sequence[int]) -> tuple[float, float] | None:
    """The medians of the middle and of the last third; None if they are empty."""
    third = len(samples) // 3
    return (median(samples[third:-third]), median(samples[-third:])) if third else None


def _caught_up(followed: Followed) -> float | None:
    """The seconds from a kill until an answer had all events that were sent before the kill.

    None without a kill, and if no answer had them.
    """
    kill, answers = followed.kill, [*followed.answers, *followed.quiet]
    if kill is None:
        return None
    right = (one for one in answers if one.kind is Kind.RIGHT and one.asked > kill.at and one.low >= kill.sent)
    return min((one.done - kill.at for one in right), default=None)


def kept_up(found: Figures) -> bool:
    """Whether a store kept up with a stream: fresh, fast and right enough, nothing lost, and all right at the end."""
    if not found.fresh or found.lost or found.doubled or found.wrong:
        return False
    right = found.kinds.get(Kind.RIGHT, 0) >= RIGHT * sum(found.kinds.values())
    return right and found.fresh[SHARES[-1]][1] <= FRESH and found.writing[1] <= WITHIN


def are_sound(lines: Sequence[Record]) -> bool:
    """Whether all streams were followed and stored whole, and all answers about them were right at the end."""
    header = header_of(lines)
    found = [figures(header, line) for line in lines if isinstance(line, Followed)]
    failed = any(isinstance(line, Unsupported) for line in lines)
    return not failed and not any(one.lost or one.doubled or one.wrong for one in found)


def _responses(asked: Sequence[Asked]) -> tuple[float, float]:
    """The p50 and the p95 of the seconds from when questions were due until their answers; NaN without answers."""
    times = [one.done - one.due for one in asked if one.kind is not Kind.FAILED]
    p50, p95 = np.quantile(times, [0.5, 0.95]) if times else (np.nan, np.nan)
    return float(p50), float(p95)
