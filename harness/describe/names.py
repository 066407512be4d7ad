"""Tells from the name of a column whether its values are keys."""

import re

PEOPLE = ("user", "who", "customer", "subject", "player", "member", "account", "visitor", "client", "person", "device")


def is_key(name: str) -> bool:
    """Whether the name is like those of people or ids."""
    return names_people(name) or is_id(name)


def names_people(name: str) -> bool:
    """Whether the name is like those of columns of people."""
    return any(word in name.lower() for word in PEOPLE)


def is_id(name: str) -> bool:
    """Whether the name is like those of columns of ids."""
    return re.search("(^|[^a-z])(u|uu|gu)?id_*$", name, re.IGNORECASE) is not None or name.endswith(("Id", "ID"))
