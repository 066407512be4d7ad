"""Reads a dataset: one TOML file with the source of the events, the roles of their columns, layouts and questions."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from rollup_bench.errors import RequestError
from rollup_bench.workloads import layouts, measures, parts
from rollup_bench.workloads.derived import Derived, check
from rollup_bench.workloads.draws import Values
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.mixes import Mix, mix
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Grain, Question, measured_by
from rollup_bench.workloads.reading import blamed
from rollup_bench.workloads.reading import read as read_typed
from rollup_bench.workloads.source import Source
from rollup_bench.workloads.specs import check_name, unique, zone_info
from rollup_bench.workloads.templates import Template, template

BUILT_IN = Path(__file__).parent
_T = TypeVar("_T")
EPOCHS = {"seconds": "s", "milliseconds": "ms", "microseconds": "us"}
RESERVED = ("bucket", "grouping_id", "cohort", "size", "age", "value", "step", "subjects")


class Time(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A column of times, which events store in whole milliseconds.

    `format` is a format of strptime, or `seconds`, `milliseconds` or `microseconds` since 1970; without `format`, times
    are ISO 8601. `zone` is the time zone of times without an offset. A local time that a clock change repeats means the
    earlier instant; a local time that a clock change skips means the instant of the change.
    """

    name: str
    format: str | None = None
    zone: str = "UTC"

    def __post_init__(self) -> None:
        zone_info(self.zone)
        if self.format is not None and self.format not in EPOCHS and "%" not in self.format:
            known = f'a strptime format such as "%Y%m%d", or one of {", ".join(EPOCHS)}'
            raise ValueError(f"format is `{self.format}`; write {known}, or leave it out for ISO 8601")


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The roles of the columns of a dataset's data files; the events leave out columns without a role.

    `order` is a column of integers, in every row one. Events are ordered by their times, and events of the same
    millisecond by `order`; cohorts and funnels follow this order. Events with the same time and the same `order`, or
    with the same time if the dataset has no `order`, are simultaneous.
    """

    time: Time
    subject: str
    dimensions: list[str] = []
    measures: list[str] = []
    action: str | None = None
    id: str | None = None
    received: Time | None = None
    order: str | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        unique("", self.all)
        known: dict[str, str] = {}
        for name in self.all:
            if name.casefold() in RESERVED:
                remedy = f'write `{name}_` here and rename = {{ {name}_ = "{name}" }} under [source]'
                raise ValueError(f"`{name}` is the name of a column of answers; {remedy}")
            if (other := known.setdefault(name.casefold(), name)) != name:
                remedy = "rename one of them by `rename` under [source]"
                raise ValueError(f"`{other}` and `{name}` differ only in upper and lower case; {remedy}")

    @property
    def texts(self) -> list[str]:
        """The names of the subject, action, id and dimension columns, in this order; they contain texts or integers."""
        return [c for c in (self.subject, self.action, self.id) if c is not None] + self.dimensions

    @property
    def times(self) -> list[Time]:
        """The column of the events' times and, if the dataset has one, the column `received`."""
        return [self.time, *([self.received] if self.received else [])]

    @property
    def ordering(self) -> list[str]:
        """The names of the columns that order the events of a subject: the time and, if there is one, `order`."""
        return [self.time.name, *([self.order] if self.order else [])]

    @property
    def all(self) -> list[str]:
        """The names of all columns of events: times, then `texts`, then measures, then `order`."""
        return [t.name for t in self.times] + self.texts + self.measures + self.ordering[1:]


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a dataset file, checked. `folder` is the file's folder, to which `source.path` is relative.

    `labels` maps names of dimensions to the texts that people see instead of their values; values are written as texts.
    """

    name: str
    title: str
    folder: Path
    source: Source
    columns: Columns
    layouts: dict[str, Layout]
    questions: dict[str, Template]
    dashboards: dict[str, list[str]] = {}
    mixes: dict[str, Mix] = {}
    derived: dict[str, Derived] = {}
    labels: dict[str, dict[str, str]] = {}

    def sized(self, rows: int | None, seed: int | None) -> "Dataset":
        """A copy of a generated dataset with `rows` rows and this seed; None leaves the number or seed as it is.

        A dataset that is read from files is returned unchanged, or refused by a RequestError if `rows` is not None.
        """
        if self.source.generator is None:
            if rows is not None:
                raise RequestError(f"--rows needs a generated dataset; {self.name} has files: leave out --rows")
            return self
        changes = {key: value for key, value in (("rows", rows), ("seed", seed)) if value is not None}
        return msgspec.structs.replace(self, source=msgspec.structs.replace(self.source, **changes))

    @property
    def file(self) -> Path:
        """The path of the dataset's TOML file."""
        return self.folder / f"{self.name}.toml"

    def question(self, name: str) -> Template:
        """The question named `name`; RequestError with the names of all questions if no question has this name."""
        return _named(self.questions, name, f"{self.name} has no question")

    def dashboard(self, name: str) -> dict[str, Template]:
        """The questions of the dashboard named `name`; RequestError with all names if no dashboard has this name."""
        questions = _named(self.dashboards, name, f"{self.name} has no dashboard")
        return {question: self.questions[question] for question in questions}

    def layout(self, name: str) -> Layout:
        """The layout named `name`; RequestError with the names of all layouts if no layout has this name."""
        if name == "tailored" and name not in self.layouts:
            raise RequestError("the layout `tailored` is called `tuned` now: write `tuned`")
        return _named(self.layouts, name, f"{self.name} has no layout")


class LayoutSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[layouts.NAME]` of a dataset file: it declares a roll-up."""

    grain: Grain
    measures: Annotated[list[str], msgspec.Meta(min_length=1)]
    by: list[str] = []
    zone: str | None = None

    def layout(self, name: str, zone: str, columns: Columns) -> Layout:
        """The declared layout, in `zone` if it names no time zone; ValueError if a measure, column or zone is wrong."""
        parsed = tuple(measures.parse(m) for m in self.measures)
        unique("by", self.by)
        unique("measures", [str(m) for m in parsed])
        for dimension in self.by:
            _check_column("by", dimension, columns, columns.texts)
        for measure in parsed:
            _check_column(f"measures: {measure}", measure.column, columns, columns.all)
        zone_info(self.zone or zone)
        return Layout(name, self.grain, self.zone or zone, tuple(self.by), parsed)


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dataset file before layouts and questions are checked; `zone` is the time zone of those that name none."""

    title: str
    source: Source
    columns: Columns
    zone: str = "UTC"
    derived: dict[str, Any] = {}
    layouts: dict[str, dict[str, Any]] = {}
    questions: list[dict[str, Any]] = []
    dashboards: dict[str, Any] = {}
    mixes: list[dict[str, Any]] = []
    labels: dict[str, dict[str, str]] = {}

    def __post_init__(self) -> None:
        if self.source.unique and self.columns.id is None:
            raise ValueError("source.unique needs columns.id; name the column of ids, or remove unique")
        numbered = self.source.row_number
        if self.source.generator and (self.derived or self.source.rename or numbered or self.columns.order):
            keys = "[derived], source.rename, source.row_number and columns.order"
            raise ValueError(f"a generated dataset has only the columns of its generator; remove {keys}")
        if numbered and numbered not in self.columns.all:
            remedy = f'name it under [columns], as in order = "{numbered}", or remove row_number'
            raise ValueError(f"source.row_number: `{numbered}` has no role; {remedy}")
        if numbered in self.derived or numbered in self.source.rename:
            raise ValueError(f"source.row_number: another column is named `{numbered}`; write another name")


def built_in() -> list[str]:
    """The names of the datasets in this package, sorted."""
    return sorted(p.parent.name for p in BUILT_IN.glob("*/*.toml") if p.stem == p.parent.name)


def offline() -> list[str]:
    """The names of the built-in datasets whose events need no download, sorted."""
    return [name for name in built_in() if read(name).source.url is None]


def read(name: str) -> Dataset:
    """The built-in dataset `name`, or that in the TOML file at path `name`; RequestError if it is missing or wrong."""
    return parse(file_of(name))


def known(name: str) -> Dataset | None:
    """Returns the dataset `name`, of whose events a file tells; None if it is missing or wrong here."""
    try:
        return read(name)
    except RequestError:
        return None


def file_of(name: str) -> Path:
    """The file of the built-in dataset `name`, or the path `name` of a TOML file; RequestError if it is neither."""
    if name in built_in():
        return BUILT_IN / name / f"{name}.toml"
    path = Path(name)
    if path.suffix != ".toml":
        known = " or ".join(", ".join(built_in()).rsplit(", ", 1))
        hint = f"; for a data file, begin with rollup-bench data describe {name}" if path.suffix else ""
        raise RequestError(f"`{name}` is neither a .toml file nor a built-in dataset: {known}{hint}")
    return path


def option(name: str) -> str:
    """What `--dataset` takes for the dataset `name` of a record: a built-in name, or else its file's name."""
    return name if name in built_in() else f"{name}.toml"


def parse(path: Path) -> Dataset:
    """The dataset in the TOML file at `path`; RequestError names the file and, if a key is wrong, the key."""
    with blamed(path, "give the path of a dataset file that can be read"):
        file = read_typed(tomllib.loads(path.read_text(encoding="utf-8")), File)
        return _dataset(path, _with_parts(file))


def _with_parts(file: File) -> File:
    """The file with a derived column for each part of the time that a question or a layout names like a column.

    A column of the file's own with such a name is that column.
    """
    found: dict[str, Any] = {}
    tables = {_key("question", place, raw): raw for place, raw in enumerate(file.questions)}
    for key, table in (tables | {f"layouts.{name}": raw for name, raw in file.layouts.items()}).items():
        with _under(key):
            for name in parts.named(table):
                if name not in file.columns.all and name not in file.derived:
                    _check_part(file, name, table.get("zone", file.zone))
                    found[name] = {"of": file.columns.time.name, "part": parts.PARTS[name]}
    if not found:
        return file
    dimensions = [*file.columns.dimensions, *found]
    columns = msgspec.structs.replace(file.columns, dimensions=dimensions)
    return msgspec.structs.replace(file, columns=columns, derived=file.derived | found)


def _check_part(file: File, name: str, zone: object) -> None:
    """ValueError if a part of the time cannot be derived for a question or a layout in time zone `zone`."""
    time, part = file.columns.time.name, parts.PARTS[name]
    if file.source.generator:
        raise ValueError(f"`{name}` is a part of the time, which generated events do not have; leave it out")
    if zone != file.zone:
        remedy = f'{{ of = "{time}", part = "{part}", zone = "{zone}" }} under [derived], with a name of its own'
        raise ValueError(f"`{name}` is in the dataset's zone {file.zone}, not in {zone}; write {remedy}")


def _dataset(path: Path, file: File) -> Dataset:
    zone_info(file.zone)
    rollups: dict[str, Layout] = {}
    for name, raw in file.layouts.items():
        with _under(f"layouts.{name}"):
            check_name("the layout's name", name)
            if name in (layouts.RAW, layouts.TUNED):
                raise ValueError(f"every dataset already has a layout `{name}`; rename this layout")
            rollups[name] = read_typed(raw, LayoutSpec).layout(name, file.zone, file.columns)
    questions: dict[str, Template] = {}
    for place, raw in enumerate(file.questions):
        with _under(_key("question", place, raw)):
            parsed = template(raw, file.zone)
            if parsed.name in questions:
                raise ValueError("two questions have this name; rename one of them")
            _check_columns(parsed.build({}), file.columns)
            for parameter, choices in parsed.draw.others.items():
                if isinstance(choices, Values):
                    fitting = file.columns.texts + file.columns.measures
                    _check_column(f"draw.{parameter}", choices.column, file.columns, fitting)
            questions[parsed.name] = parsed
    dashboards: dict[str, list[str]] = {}
    for name, entries in file.dashboards.items():
        with _under(f"dashboards.{name}"):
            dashboards[name] = _dashboard(entries, questions)
    return Dataset(
        name=path.stem,
        title=file.title,
        folder=path.parent,
        source=file.source,
        columns=file.columns,
        layouts={layouts.RAW: layouts.raw} | rollups | {layouts.TUNED: layouts.tuned},
        questions=questions,
        dashboards=dashboards,
        mixes=_mixes(file.mixes, questions),
        derived=_derived(file),
        labels=_labels(file),
    )


def _labels(file: File) -> dict[str, dict[str, str]]:
    for name in file.labels:
        _check_column("labels", name, file.columns, file.columns.texts)
    return file.labels


def _derived(file: File) -> dict[str, Derived]:
    derived: dict[str, Derived] = {}
    for name, raw in file.derived.items():
        column = read_typed(raw, Derived, f"derived.{name}")
        derived[name] = msgspec.structs.replace(column, zone=column.zone or file.zone) if column.part else column
    for name in derived:
        with _under(f"derived.{name}"):
            check(name, derived, file.columns.all, [time.name for time in file.columns.times])
    return derived


def _mixes(tables: list[dict[str, Any]], questions: dict[str, Template]) -> dict[str, Mix]:
    mixes: dict[str, Mix] = {}
    for place, raw in enumerate(tables):
        with _under(_key("mix", place, raw)):
            parsed = mix(raw, questions)
            if parsed.name in mixes:
                raise ValueError("two mixes have this name; rename one of them")
            mixes[parsed.name] = parsed
    return mixes


def _key(kind: str, place: int, raw: dict[str, Any]) -> str:
    """What errors call a table of a question or a mix: by its name or, without a valid name, by its place."""
    name = raw.get("name")
    return f"{kind} {name}" if isinstance(name, str) else f"{'mixes' if kind == 'mix' else 'questions'}[{place}]"


def _dashboard(names: object, questions: dict[str, Template]) -> list[str]:
    if not isinstance(names, list) or not names:
        raise ValueError('write a list of names of questions, as in ["first", "second"]')
    unique("", names)
    for name in names:
        if name not in questions:
            raise ValueError(f"no question is named `{name}`; write one of {', '.join(questions) or 'none'}")
    return names


@contextmanager
def _under(key: str) -> Iterator[None]:
    """Puts `key` in front of the text of a ValueError that is raised in the `with` block."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _check_columns(question: Question, columns: Columns) -> None:
    """ValueError if a question names a column that has no role, or a role that does not fit; types are not checked."""
    by = question.by if not isinstance(question.by, str) else (question.by,)
    for dimension in by or ():
        _check_column("by", dimension, columns, columns.texts)
    match question:
        case Aggregate():
            filters = {"where": question.where}
        case Cohort():
            filters = {"birth": question.birth, "returns": question.returns}
        case Funnel():
            filters = {f"steps[{i}]": step for i, step in enumerate(question.steps)}
    for measure in measured_by(question):
        _check_column(f"measures: {measure}", measure.column, columns, columns.all)
    for key, conditions in filters.items():
        for condition in conditions:
            _check_column(f"{key}.{condition.column}", condition.column, columns, columns.texts + columns.measures)


def _check_column(key: str, name: str | None, columns: Columns, fitting: list[str]) -> None:
    if name is None or name in fitting:
        return
    if name not in columns.all:
        raise ValueError(f"{key}: no column under [columns] is named `{name}`; add it, or write {', '.join(fitting)}")
    if name in columns.measures:
        raise ValueError(f"{key}: `{name}` is a measure, not a dimension; write one of {', '.join(fitting)}")
    if name == columns.order:
        raise ValueError(f"{key}: `{name}` only orders events; write one of {', '.join(fitting)}")
    raise ValueError(f"{key}: `{name}` contains times, so use start and end to filter by it, grain to group by it")


def _named(by_name: dict[str, _T], name: str, complaint: str) -> _T:
    if name not in by_name:
        raise RequestError(f"{complaint} `{name}`; it has {', '.join(by_name) or 'none'}")
    return by_name[name]
