"""One TOML table checked against a struct, key by key, so that every message names its key."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from testcache.errors import SettingError
from testcache.quantities import Key
from testcache.structs import NODEFAULT, Struct, fields

S = TypeVar("S", bound=Struct)
SHOWN = 200
"""Characters of a value that a message shows; a whole pasted list would bury what was expected."""


class Place(Struct, frozen=True):
    """Where a table stands: its file, and its section or "" for the top of the file."""

    file: str
    section: str = ""

    def __str__(self) -> str:
        return f"{self.file}: [{self.section}]" if self.section else f"{self.file}:"

    def below(self, key: str) -> Place:
        return Place(self.file, f"{self.section}.{key}" if self.section else key)


def key_of(name: str) -> str:
    """Turn a field's name into the key that people write: `max_size` to `max-size`, `for_` to `for`."""
    return name.rstrip("_").replace("_", "-")


class Entry(Struct, frozen=True):
    """One field of a struct of settings: its name, type and key, and its default; NODEFAULT if it must be given."""

    name: str
    type: Any
    about: Key
    default: Any


def entries(cls: type[Struct]) -> Iterator[Entry]:
    """The fields of a struct whose types are all annotated with a `Key`."""
    hints = get_type_hints(cls, include_extras=True)
    for one in fields(cls):
        hint, about = get_args(hints[one.name])
        made = one.default_factory
        yield Entry(one.name, hint, about, one.default if made is NODEFAULT else made())


def checked(cls: type[S], table: object, place: Place) -> S:
    """Turn a TOML table into a struct whose fields are annotated with their keys.

    A field's type may be a struct (a table), a tuple of them (a list of tables), a mapping of names to
    them (named tables), a class with a `parse` method, or what msgspec converts. Raises SettingError
    with a first line that stands alone.
    """
    if not isinstance(table, dict):
        raise SettingError(f"{place} {_shown(table)}: expected a table [setting-value]")
    known = {key_of(entry.name): entry for entry in entries(cls)}
    values: dict[str, object] = {}
    for key, value in table.items():
        if key not in known:
            _unknown(place, key, value, known)
        entry = known[key]
        values[entry.name] = _value(entry.type, value, place, key, entry.about)
    for key, entry in known.items():
        if entry.name not in values and entry.default is NODEFAULT:
            raise SettingError(f"{place} {key} is missing: expected {entry.about.expected} [setting-value]")
    return cls(**values)


def _is_struct(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Struct)


def _value(hint: Any, value: object, place: Place, key: str, about: Key) -> object:
    try:
        if hasattr(hint, "parse"):
            return hint.parse(value)
        if _is_struct(hint) and isinstance(value, dict):
            return checked(hint, value, place.below(key))
        if get_origin(hint) is tuple and _is_struct(item := get_args(hint)[0]) and isinstance(value, list):
            return tuple(checked(item, each, place.below(key)) for each in value)
        if get_origin(hint) is Mapping and _is_struct(item := get_args(hint)[1]) and isinstance(value, dict):
            tables = place.below(key)
            return {name: checked(item, each, tables.below(name)) for name, each in value.items()}
        return msgspec.convert(value, hint, dec_hook=lambda written, raw: written.parse(raw))
    except ValueError as error:  # msgspec.ValidationError is one
        _refuse(place, key, value, about.expected, error)


def _refuse(place: Place, key: str, value: object, expected: str, cause: Exception) -> NoReturn:
    message = f"{place} {key} = {_shown(value)}: expected {expected} [setting-value]"
    raise SettingError(message) from cause


def _unknown(place: Place, key: str, value: object, known: Iterable[str]) -> NoReturn:
    near = difflib.get_close_matches(key.replace("_", "-").lower(), known, n=1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    keys = ", ".join(sorted(known))
    raise SettingError(f"{place} {key} = {_shown(value)}: expected one of {keys}{guess} [setting-unknown]")


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
