"""Tells from the name of a column, in English, German, French or Spanish, what its values are."""

import re

PEOPLE = re.compile(
    "user|who(?!le)|customer|subject|player|member|account|visitor|client|person|device"
    "|(?<!se|ur)kund|nutzer|mitglied|spieler|besucher|abonn|(?<!s)konto(?!stand)|gerät"
    "|utilisateur|membre|joueur|visiteur|acheteur|appareil"
    "|usuari|miembro|jugador|visitante|comprador|cuenta|dispositivo",
    re.IGNORECASE,
)
"""Parts of the names of columns of people: of `Kunde`, but not of `Sekunde`; of `Konto`, but not of `Kontostand`."""
ID = re.compile("(^|[^a-z])(u|uu|gu)?id_*$|nummer_*$|(^|[^a-z]|[a-z]{4})nr[.]?_*$|^numéro|^n[°º]", re.IGNORECASE)
BIRTH = re.compile("birth|(^|[^a-z])dob([^a-z]|$)|geburt|geboren|(?<!con)naissance|nacimiento", re.IGNORECASE)


def is_key(name: str) -> bool:
    """Whether the name is like those of people or ids."""
    return names_people(name) or is_id(name)


def names_people(name: str) -> bool:
    """Whether the name is like those of columns of people; `user.age`, a value of an object `user`, is not."""
    return PEOPLE.search(name.rstrip(".").rpartition(".")[2]) is not None


def is_id(name: str) -> bool:
    """Whether the name is like those of columns of ids."""
    return ID.search(name) is not None or name.endswith(("Id", "ID"))


def is_birth(name: str) -> bool:
    """Whether the name is like those of columns of dates of birth, which are no times of events."""
    return BIRTH.search(name) is not None
