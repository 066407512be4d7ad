"""A dataset is one TOML file: where events come from, their columns, the layouts kept and the questions asked."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from rollup_bench.errors import RequestError
from rollup_bench.workloads import layouts, measures
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Grain, Question
from rollup_bench.workloads.reading import read as read_typed
from rollup_bench.workloads.specs import check_name, unique, zone_info
from rollup_bench.workloads.templates import Template, template

BUILT_IN = Path(__file__).parent
_T = TypeVar("_T")
EPOCHS = {"seconds": "s", "milliseconds": "ms", "microseconds": "us"}
RESERVED = ("bucket", "grouping_id", "cohort", "size", "age", "value", "step", "subjects")


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where the events are: a `path` beside the TOML file or inside an installed `package`, or a `generator`.

    Of CSV: `separator`, one character, of which a space stands for any run of blanks; `names` where the file has no
    line of them; `null`, what stands for NULL where it is not quoted. A generator makes `rows` from `seed`.
    """

    path: str | None = None
    package: str | None = None
    generator: str | None = None
    rows: Annotated[int, msgspec.Meta(ge=1)] = 1_000_000
    seed: int = 1
    separator: str = ","
    names: list[str] | None = None
    null: tuple[str, ...] = ("",)

    def __post_init__(self) -> None:
        if (self.path is None) == (self.generator is None):
            raise ValueError("a source has a `path` or a `generator`, one of the two")
        if len(self.separator) != 1:
            raise ValueError("`separator` is one character; a space stands for any run of spaces")


class Time(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A column of time, kept to the millisecond.

    `format` is as strptime has it, or `seconds`, `milliseconds` or `microseconds` since 1970; without it times are
    ISO 8601. `zone` is meant where a time has no offset: of a local time that a clock change repeats the earlier is
    taken, of one that it skips the instant of the change.
    """

    name: str
    format: str | None = None
    zone: str = "UTC"

    def __post_init__(self) -> None:
        zone_info(self.zone)
        if self.format is not None and self.format not in EPOCHS and "%" not in self.format:
            raise ValueError(f"format `{self.format}` is not strptime's, as in %Y%m%d, nor one of {', '.join(EPOCHS)}")


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The roles of the source's columns; columns without a role are left out."""

    time: Time
    subject: str
    dimensions: list[str] = []
    measures: list[str] = []
    action: str | None = None
    id: str | None = None
    received: Time | None = None

    def __post_init__(self) -> None:
        unique("columns", self.all)
        for name in self.all:
            if name in RESERVED:
                raise ValueError(f"`{name}` is a column of the answers; rename it in the source")

    @property
    def texts(self) -> list[str]:
        """The columns that are text or integers and never summed: subject, action, id and the dimensions."""
        return [c for c in (self.subject, self.action, self.id) if c is not None] + self.dimensions

    @property
    def times(self) -> list[Time]:
        """The columns of time."""
        return [self.time, *([self.received] if self.received else [])]

    @property
    def all(self) -> list[str]:
        """Every column that events have, in their order."""
        return [t.name for t in self.times] + self.texts + self.measures


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset file, read. `folder` is where it lies; paths in it are relative to that."""

    name: str
    title: str
    folder: Path
    source: Source
    columns: Columns
    layouts: dict[str, Layout]
    questions: dict[str, Template]
    dashboards: dict[str, list[str]] = {}

    def sized(self, rows: int | None, seed: int | None) -> "Dataset":
        """The same with so many rows from that seed, where they are given and the dataset is made to order."""
        if self.source.generator is None:
            if rows is not None:
                raise RequestError(f"--rows goes with a generator; {self.name} has the rows of its files")
            return self
        given = {key: value for key, value in (("rows", rows), ("seed", seed)) if value is not None}
        return msgspec.structs.replace(self, source=msgspec.structs.replace(self.source, **given))

    @property
    def file(self) -> Path:
        """The TOML file."""
        return self.folder / f"{self.name}.toml"

    def question(self, name: str) -> Template:
        """The question of that name; RequestError names those that there are."""
        return _named(self.questions, name, f"{self.name} has no question")

    def dashboard(self, name: str) -> dict[str, Template]:
        """The questions of the dashboard of that name; RequestError names those that there are."""
        asked = _named(self.dashboards, name, f"{self.name} has no dashboard")
        return {question: self.questions[question] for question in asked}

    def layout(self, name: str) -> Layout:
        """The layout of that name; RequestError names those that there are."""
        if name == "tailored" and name not in self.layouts:
            raise RequestError("the layout `tailored` is called `tuned` now: write `tuned`")
        return _named(self.layouts, name, f"{self.name} has no layout")


class LayoutSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A roll-up as a dataset file writes it."""

    grain: Grain
    measures: Annotated[list[str], msgspec.Meta(min_length=1)]
    by: list[str] = []
    zone: str | None = None

    def layout(self, name: str, zone: str, columns: Columns) -> Layout:
        """The layout that this writes; ValueError says what is wrong with it."""
        kept = tuple(measures.parse(m) for m in self.measures)
        unique("by", self.by)
        unique("measures", [str(m) for m in kept])
        for dimension in self.by:
            _known("by", dimension, columns.texts)
        for measure in kept:
            _known(f"measures: {measure}", measure.column, columns.all)
        zone_info(self.zone or zone)
        return Layout(name, self.grain, self.zone or zone, tuple(self.by), kept)


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dataset file as it is written; `zone` is meant where a layout or a question names none."""

    title: str
    source: Source
    columns: Columns
    zone: str = "UTC"
    layouts: dict[str, dict[str, Any]] = {}
    questions: list[dict[str, Any]] = []
    dashboards: dict[str, Any] = {}


def built_in() -> list[str]:
    """The names of the datasets that come along."""
    return sorted(p.parent.name for p in BUILT_IN.glob("*/*.toml") if p.stem == p.parent.name)


def read(name: str) -> Dataset:
    """The dataset of a built-in name or of a path to a TOML file; RequestError says what is wrong with it."""
    if name in built_in():
        return parse(BUILT_IN / name / f"{name}.toml")
    path = Path(name)
    if path.suffix != ".toml":
        raise RequestError(f"--dataset {name} is neither a TOML file nor one of {', '.join(built_in())}")
    return parse(path)


def parse(path: Path) -> Dataset:
    """The dataset in the TOML file `path`."""
    try:
        return _dataset(path, read_typed(tomllib.loads(path.read_text(encoding="utf-8")), File))
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{path}: this is not TOML: {error}") from None
    except ValueError as error:
        raise RequestError(f"{path}: {error}") from None


def _dataset(path: Path, file: File) -> Dataset:
    zone_info(file.zone)
    kept = {layouts.RAW: layouts.raw}
    for name, raw in file.layouts.items():
        with _under(f"layouts.{name}"):
            check_name("its name", name)
            if name in (layouts.RAW, layouts.TUNED):
                raise ValueError(f"the name is taken; `{name}` is always there")
            kept[name] = read_typed(raw, LayoutSpec).layout(name, file.zone, file.columns)
    questions: dict[str, Template] = {}
    for place, raw in enumerate(file.questions):
        with _under(f"question {raw['name']}" if isinstance(raw.get("name"), str) else f"questions[{place}]"):
            made = template(raw, file.zone)
            if made.name in questions:
                raise ValueError("the name stands twice")
            _check_columns(made.build({}), file.columns)
            questions[made.name] = made
    dashboards: dict[str, list[str]] = {}
    for name, asked in file.dashboards.items():
        with _under(f"dashboards.{name}"):
            dashboards[name] = _dashboard(asked, questions)
    return Dataset(
        name=path.stem,
        title=file.title,
        folder=path.parent,
        source=file.source,
        columns=file.columns,
        layouts=kept | {layouts.TUNED: layouts.tuned},
        questions=questions,
        dashboards=dashboards,
    )


def _dashboard(asked: object, questions: dict[str, Template]) -> list[str]:
    if not isinstance(asked, list) or not asked:
        raise ValueError("a dashboard is a list of names of questions")
    unique("it", asked)
    for name in asked:
        if name not in questions:
            raise ValueError(f"there is no question `{name}`; there are {', '.join(questions) or 'none'}")
    return asked


@contextmanager
def _under(key: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _check_columns(question: Question, columns: Columns) -> None:
    """ValueError where a question names a column that there is not; its type is known only when the events are."""
    by = question.by if not isinstance(question.by, str) else (question.by,)
    for dimension in by or ():
        _known("by", dimension, columns.texts)
    match question:
        case Aggregate():
            asked, filters = question.measures, {"where": question.where}
        case Cohort():
            asked = (question.measure,) if question.measure else ()
            filters = {"birth": question.birth, "returns": question.returns}
        case Funnel():
            asked, filters = (), {f"steps[{i}]": step for i, step in enumerate(question.steps)}
    for measure in asked:
        _known(f"measures: {measure}", measure.column, columns.all)
    for key, conditions in filters.items():
        for condition in conditions:
            _known(f"{key}.{condition.column}", condition.column, columns.texts + columns.measures)


def _known(key: str, name: str | None, there: list[str]) -> None:
    if name is not None and name not in there:
        raise ValueError(f"{key}: there is no column `{name}`; there are {', '.join(there)}")


def _named(things: dict[str, _T], name: str, complaint: str) -> _T:
    if name not in things:
        raise RequestError(f"{complaint} `{name}`; it has {', '.join(things) or 'none'}")
    return things[name]
