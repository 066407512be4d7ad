"""Finds words that stand for NULL in columns of numbers and of times."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from typing import NamedTuple

from rollup_bench.harness.describe.cells import CODE, TIME, are_telephones, is_number
from rollup_bench.harness.describe.names import is_key

ANYWHERE = {"null", "(null)", "<null>", "\\n", "n/a", "#n/a", "#nv"}
"""Words that stand for NULL in any column, in lower case without spaces."""
KNOWN = ANYWHERE | {"na", "n.a.", "n.a", "<na>", "nan", "none", "nil", "n/v", "n.v.", "n/d", "n.d.", "s/o"}
KNOWN |= {"-", "--", "---", "\N{EN DASH}", "\N{EM DASH}", ".", "..", "...", "?", "missing", "unknown", "notavailable"}
KNOWN |= {"k.a.", "k.a", "keineangabe", "keineangaben", "unbekannt", "fehlt", "inconnu", "#div/0!", "#value!", "#wert!"}
"""Words that stand for NULL in columns of numbers and of times, in lower case without spaces."""
KINDS: dict[str, Callable[[str], object]] = {"number": is_number, "time": TIME.fullmatch}
MOST = 2
"""So many different words at most are taken for NULL since they repeat among numbers or times."""
NEARLY = 0.9
"""The least share of numbers or times in a column whose other values may be taken for NULL."""
TELEPHONES = (
    "its numbers are taken for telephone numbers; if they are amounts, "
    'write thousands = " " under [source], and the column in `measures`'
)


class Words(NamedTuple):
    """The words for NULL in a column of texts.

    `known` are words that stand for NULL everywhere, and `guessed` are others, which repeat among numbers or times.
    `doubt` says what keeps the column from being one of numbers or times, and what to write if it is one.
    """

    known: frozenset[str] = frozenset()
    guessed: frozenset[str] = frozenset()
    doubt: str = ""

    def joined(self, other: "Words") -> "Words":
        """The words of both, which are of the same column in two files."""
        return Words(self.known | other.known, self.guessed | other.guessed, self.doubt or other.doubt)


def words(name: str, cells: Iterable[str]) -> Words:
    """The words for NULL among the texts of the column `name`."""
    counts = Counter(cell for cell in cells if cell)
    known = frozenset(cell for cell in counts if is_null(cell))
    anywhere = frozenset(cell for cell in known if _plain(cell) in ANYWHERE)
    rest = counts.keys() - known
    if any(CODE.fullmatch(cell) for cell in rest):
        return Words(anywhere)
    for what, is_kind in KINDS.items():
        others = {cell for cell in rest if not is_kind(cell.strip())}
        share = sum(counts[cell] for cell in rest - others) / max(sum(counts[cell] for cell in rest), 1)
        if share == 1:
            return Words(known, doubt=TELEPHONES if are_telephones(rest) and not is_key(name) else "")
        if share < NEARLY:
            continue
        if len(others) <= MOST and all(counts[cell] > 1 for cell in others) and not is_key(name):
            return Words(known, frozenset(others))
        return Words(anywhere, doubt=_doubt(name, what, max(sorted(others), key=lambda cell: counts[cell])))
    return Words(anywhere)


def certain(words: Mapping[str, Words], texts: Mapping[str, Set[str]]) -> dict[str, Words]:
    """The words of columns without guesses that are values of another column, by the values of columns of texts."""
    return {name: _unless_elsewhere(each, texts) for name, each in words.items()}


def _unless_elsewhere(words: Words, texts: Mapping[str, Set[str]]) -> Words:
    for name, values in texts.items():
        for word in sorted(words.guessed & values):
            anywhere = frozenset(cell for cell in words.known if _plain(cell) in ANYWHERE)
            remedy = "if it means NULL in both, write it in `null` under [source], and the column in `measures`"
            return Words(anywhere, doubt=f"`{word}` is also a value of {name}; {remedy}")
    return words


def _doubt(name: str, what: str, word: str) -> str:
    role = ", and the column in `measures`" if what == "number" else ", and take the column out of `dimensions`"
    remedy = f"write it in `null` under [source]{'' if is_key(name) else role}"
    return f"`{word}` is no {what}; if it means NULL, {remedy}"


def is_null(cell: str) -> bool:
    """Whether a text is known to stand for NULL in columns of numbers and of times."""
    return _plain(cell) in KNOWN


def _plain(cell: str) -> str:
    return "".join(cell.split()).casefold()
