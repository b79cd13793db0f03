"""One TOML table checked against a dataclass, key by key, so that every message names its key."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, NoReturn, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from testcache.errors import SettingError

T = TypeVar("T")
SHOWN = 200
"""Characters of a value that a message shows; a whole pasted list would bury what was expected."""


@dataclass(frozen=True, slots=True)
class Place:
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


def checked(cls: type[T], table: object, place: Place) -> T:
    """Turn a TOML table into a dataclass whose fields carry `metadata["expected"]`.

    A field's type may be a dataclass (a table), a tuple of them (a list of tables), a mapping of names to
    them (named tables), a class with a `parse` method, or what msgspec converts. Raises SettingError
    with a first line that stands alone.
    """
    if not isinstance(table, dict):
        raise SettingError(f"{place} {_shown(table)}: expected a table [setting-value]")
    types = get_type_hints(cls)
    known = {key_of(entry.name): entry for entry in fields(cls)}  # type: ignore[arg-type]
    values: dict[str, object] = {}
    for key, value in table.items():
        if key not in known:
            _unknown(place, key, value, known)
        entry = known[key]
        values[entry.name] = _value(types[entry.name], value, place, key, entry.metadata)
    for key, entry in known.items():
        if entry.name not in values and entry.default is MISSING and entry.default_factory is MISSING:
            raise SettingError(f"{place} {key} is missing: expected {entry.metadata['expected']} [setting-value]")
    return cls(**values)


def _value(hint: Any, value: object, place: Place, key: str, about: Mapping[str, str]) -> object:
    try:
        if hasattr(hint, "parse"):
            return hint.parse(value)
        if is_dataclass(hint) and isinstance(hint, type) and isinstance(value, dict):
            return checked(hint, value, place.below(key))
        if get_origin(hint) is tuple and is_dataclass(item := get_args(hint)[0]) and isinstance(value, list):
            return tuple(checked(item, each, place.below(key)) for each in value)  # type: ignore[arg-type]
        if get_origin(hint) is Mapping and is_dataclass(item := get_args(hint)[1]) and isinstance(value, dict):
            tables = place.below(key)
            return {name: checked(item, each, tables.below(name)) for name, each in value.items()}  # type: ignore[arg-type]
        return msgspec.convert(value, hint, dec_hook=lambda written, raw: written.parse(raw))
    except ValueError as error:  # msgspec.ValidationError is one
        _refuse(place, key, value, about["expected"], error)


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
