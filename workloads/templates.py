"""Question templates: a question of a dataset file, with parameters that a person or a replay fills in."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from rollup_bench.errors import RequestError
from rollup_bench.workloads.draws import Draw
from rollup_bench.workloads.draws import parse as parse_draw
from rollup_bench.workloads.questions import Question
from rollup_bench.workloads.reading import read
from rollup_bench.workloads.specs import SPECS, check_name, zone_info


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A named question with a story of who asks it, and parameters with their defaults.

    `body` is the question as written; a value `"$n"` in it stands for the parameter `n`. `start` and `end` are
    parameters of every question. `draw` says what a replay sets the parameters to.
    """

    name: str
    story: str
    body: dict[str, Any]
    parameters: dict[str, Any]
    draw: Draw | None = None

    def fill(self, values: Mapping[str, Any] | None = None) -> Question:
        """The question with its parameters set to `values`, else to their defaults; RequestError where it cannot be."""
        given = dict(values or {})
        if strange := sorted(set(given) - set(self.parameters)):
            raise RequestError(f"{self.name} has no parameter `{strange[0]}`; it has {', '.join(self.parameters)}")
        try:
            return self.filled(given)
        except ValueError as error:
            raise RequestError(f"question {self.name}: {error}") from None

    def filled(self, given: Mapping[str, Any]) -> Question:
        """The same of known parameters; ValueError where it cannot be."""
        values = self.parameters | dict(given)
        body = {"start": values["start"], "end": values["end"]} | _substitute(self.body, values)
        kind = body.get("kind")
        if kind not in SPECS:
            raise ValueError(f"kind is {f'`{kind}`' if kind else 'missing'}; it is one of {', '.join(SPECS)}")
        spec = read(body, SPECS[kind])
        zone_info(spec.zone)
        return spec.question()

    def parse(self, name: str, text: str) -> object:
        """The value of parameter `name` that `text` writes, read as its default is."""
        if name not in self.parameters:
            raise RequestError(f"--set {name}: {self.name} has no such parameter; it has {', '.join(self.parameters)}")
        default = self.parameters[name]
        try:
            return _parse(text, default)
        except (ValueError, OverflowError):
            raise RequestError(f"--set {name}={text} is not like its default, {_written(default)}") from None


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every `[[questions]]` table has beside its question."""

    name: str
    parameters: dict[str, Any]
    story: str = ""
    draw: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        check_name("name", self.name)
        for name in ("start", "end"):
            if name not in self.parameters:
                raise ValueError(f"parameters.{name} is missing; it is a date or a time, as in 2013-06-01")


def template(raw: Mapping[str, Any], zone: str) -> Template:
    """The template that a `[[questions]]` table writes, tried once with its defaults; ValueError where it cannot be."""
    body = {k: v for k, v in raw.items() if k not in Head.__struct_fields__}
    head = read({k: v for k, v in raw.items() if k not in body}, Head)
    if given := sorted({"start", "end"} & set(body)):
        raise ValueError(f"{given[0]} goes under [questions.parameters]")
    if unused := sorted(set(head.parameters) - {"start", "end"} - set(_references(body))):
        raise ValueError(f'parameters.{unused[0]} is not used; write "${unused[0]}" where it goes')
    draw = None if head.draw is None else parse_draw(head.draw, head.parameters)
    made = Template(
        name=head.name, story=head.story, body={"zone": zone} | body, parameters=dict(head.parameters), draw=draw
    )
    made.filled({})
    return made


def _references(value: object) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("$"):
        yield value[1:]
    elif isinstance(value, dict):
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)


def _substitute(value: Any, filled: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {k: _substitute(v, filled) for k, v in value.items()}
    if isinstance(value, list):
        return [_substitute(v, filled) for v in value]
    if isinstance(value, str) and value.startswith("$"):
        if value[1:] not in filled:
            raise ValueError(f"`{value}` names no parameter; there are {', '.join(filled)}")
        return filled[value[1:]]
    return value


def _parse(text: str, default: object) -> object:
    match default:
        case bool():
            return ("false", "true").index(text) == 1
        case int():
            return int(text)
        case float():
            return float(text)
        case date():
            return _moment(text)
        case list():
            return [_parse(part, default[0] if default else "") for part in text.split(",")]
        case _:
            return text


def _moment(text: str) -> date:
    return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)


def _written(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
