"""Prints what is to be said about questions on arms in words, each sentence once."""

from collections.abc import Iterable
from typing import NamedTuple

from rich.console import Console
from rich.text import Text


class Note(NamedTuple):
    """A text about a question on an arm."""

    question: str
    arm: str
    text: str


def print_notes(notes: Iterable[Note], console: Console) -> None:
    """Prints notes that have a text as `arms: text (questions)`; arms and questions with the same text share a line."""
    questions: dict[tuple[str, str], list[str]] = {}
    for question, arm, text in filter(lambda note: note.text, notes):
        questions.setdefault((arm, text), []).append(question)
    arms: dict[tuple[str, str], list[str]] = {}
    for (arm, text), names in questions.items():
        arms.setdefault((text, ", ".join(names)), []).append(arm)
    for (text, together), sharing in arms.items():
        console.print(Text(f"{', '.join(sharing)}: {text} ({together})"))
