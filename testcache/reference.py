"""The settings and reasons as pages and as a commented file: written from the tables that the code uses."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from testcache.advice import ADVICE, GROUPS
from testcache.quantities import Audit, Duration, Key, ShareLimit, Size, SizeLimit
from testcache.reasons import Group, Reason
from testcache.schema import entries
from testcache.settings import OWN_FILE, SHARED_FILE, Settings
from testcache.structs import Struct

WIDTH = 110
_TITLES = {
    Group.HIT: "Hits",
    Group.MISS: "Misses",
    Group.UNCACHEABLE: "Uncacheable",
    Group.ERROR: "Errors",
}


def settings_file() -> str:
    """The text of a settings file in which every key stands with its default, commented out."""
    lines = ["# Settings of testcache. Each key stands here with its default; remove the # to change it."]
    for key, default, about in _entries():
        lines += ["", f"# {about.means}", f"# written as: {about.expected}", f"#{key} = {default}"]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """`docs/settings.md`."""
    lines = [
        "# Settings",
        "",
        f"In `{OWN_FILE}`, or under `[tool.testcache]` in `{SHARED_FILE}`; not in both. A key that is not",
        "known, or a value that is not understood, stops the run. `testcache init` writes a file with all of",
        "them.",
        "",
        "| key | default | meaning | written as |",
        "|---|---|---|---|",
    ]
    for key, default, about in _entries():
        lines.append(f"| `{key}` | `{default}` | {about.means} | {about.expected} |")
    return "\n".join(lines) + "\n"


def reasons_page() -> str:
    """`docs/reasons.md`: a heading, and so an anchor, for each reason."""
    lines = [
        "# Reasons",
        "",
        "Every test that testcache replays, runs or does not store has one reason out of this list, and",
        "messages end with its name in brackets. `testcache explain NAME` prints what stands here.",
    ]
    for group, title in _TITLES.items():
        lines += ["", f"## {title}", "", GROUPS[group]]
        for reason in Reason:
            if reason.group is group:
                sentence = reason.sentence[0].upper() + reason.sentence[1:]
                lines += [
                    "",
                    f"### {reason.slug}",
                    "",
                    f"{sentence}.",
                    "",
                    *textwrap.wrap(ADVICE[reason], WIDTH),
                ]
    return "\n".join(lines) + "\n"


def _entries() -> Iterator[tuple[str, str, Key]]:
    """Yield (key, default as TOML, about) of every setting; a key inside a table is dotted."""
    for entry in entries(Settings):
        if isinstance(entry.default, Struct) and not hasattr(entry.type, "parse"):
            for inner in entries(entry.type):
                yield f"{_key(entry.name)}.{_key(inner.name)}", _toml(inner.default), inner.about
        else:
            yield _key(entry.name), _toml(entry.default), entry.about


def _key(name: str) -> str:
    return name.replace("_", "-")


def _toml(value: object) -> str:
    if isinstance(value, (Audit, ShareLimit, SizeLimit)) and value in (Audit(), 0):
        return '""'
    if isinstance(value, (Size, Duration)):
        units = type(value)._UNITS
        unit = max((unit for unit in units if unit != "w" and value % units[unit] == 0), key=units.__getitem__)
        return f'"{value // units[unit]}{unit}"'
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return str(value)
