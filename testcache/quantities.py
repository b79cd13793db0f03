"""Values as people write them in settings: sizes, durations, shares, and patterns of tests and paths."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import ClassVar, NamedTuple, Protocol, Self

from testcache.structs import Struct


class Written(Protocol):
    """A value with a written form.

    `written_as` ends the sentence "expected ..."; `parse` raises ValueError for anything else.
    """

    written_as: ClassVar[str]

    @classmethod
    def parse(cls, raw: object) -> Self: ...


class Key(NamedTuple):
    """What a setting means (`docs/settings.md`), and how its value is written (messages)."""

    means: str
    expected: str


class Size(int):
    """A number of bytes, at least 1 KiB."""

    written_as: ClassVar[str] = 'a whole number and KiB, MiB or GiB, such as "5GiB"'
    _UNITS: ClassVar[dict[str, int]] = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

    @classmethod
    def parse(cls, raw: object) -> Self:
        number, unit = _number_and_unit(raw, cls._UNITS)
        return cls(number * cls._UNITS[unit])


class Duration(int):
    """A number of seconds, at least one."""

    written_as: ClassVar[str] = 'a whole number and s, m, h, d or w, such as "30d"'
    _UNITS: ClassVar[dict[str, int]] = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

    @classmethod
    def parse(cls, raw: object) -> Self:
        number, unit = _number_and_unit(raw, cls._UNITS)
        return cls(number * cls._UNITS[unit])


class SizeLimit(Size):
    """A number of bytes that something must stay below, or 0 for no limit."""

    written_as: ClassVar[str] = 'a whole number and KiB, MiB or GiB, such as "500MiB", or "" for no limit'

    @classmethod
    def parse(cls, raw: object) -> Self:
        return cls(0) if raw == "" else super().parse(raw)


class ShareLimit(float):
    """A share of a whole that something must stay below, at most 1.0, or 0.0 for no limit."""

    written_as: ClassVar[str] = 'a share such as "80%", or "" for no limit'

    @classmethod
    def parse(cls, raw: object) -> Self:
        if raw == "":
            return cls(0.0)
        match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,3})?)%", raw, re.ASCII) if isinstance(raw, str) else None
        if match is None or not 0 < float(match[1]) <= 100:
            raise ValueError(cls.written_as)
        return cls(float(match[1]) / 100)


class WorkerCount(int):
    """How many workers one host runs."""

    written_as: ClassVar[str] = "a whole number from 1 to 256"

    @classmethod
    def parse(cls, raw: object) -> Self:
        if not isinstance(raw, int) or isinstance(raw, bool) or not 1 <= raw <= 256:
            raise ValueError(cls.written_as)
        return cls(raw)


class HostWord(str):
    """A text that goes into an address of xdist, which has no way to quote."""

    written_as: ClassVar[str] = 'a text without spaces and without "//", such as "user@build1"'

    @classmethod
    def parse(cls, raw: object) -> Self:
        text = _text(raw, cls.written_as)
        if "//" in text or any(character.isspace() for character in text) or text.startswith("-"):
            raise ValueError(cls.written_as)
        return cls(text)


class TraceCount(int):
    """How many traces of one test are kept."""

    written_as: ClassVar[str] = "a whole number from 1 to 64"

    @classmethod
    def parse(cls, raw: object) -> Self:
        # TOML's true is a bool, which Python takes for the number 1.
        if not isinstance(raw, int) or isinstance(raw, bool) or not 1 <= raw <= 64:
            raise ValueError(cls.written_as)
        return cls(raw)


class Audit(Struct, frozen=True):
    """How many hits really run again: a share of them, a number of seconds of them, or none.

    Attributes:
        share: from 0.0 to 1.0, or 0.0 when seconds are meant.
        seconds: the recorded durations that one run's audit may add up to, or 0 when a share is meant.
    """

    written_as: ClassVar[str] = 'a share such as "2%", a duration such as "5s", or "" for none'
    share: float = 0.0
    seconds: int = 0

    @classmethod
    def parse(cls, raw: object) -> Self:
        if raw == "":
            return cls()
        if isinstance(raw, str) and (match := re.fullmatch(r"(\d{1,3}(?:\.\d{1,3})?)%", raw, re.ASCII)):
            share = float(match[1]) / 100
            if not 0 < share <= 1:
                raise ValueError(cls.written_as)
            return cls(share=share)
        return cls(seconds=Duration.parse(raw))


class TestPattern(str):
    """Names tests: a node id, a file or a folder (and all below), where `*` stands for any text.

    `*` crosses folders: a pattern that covers too many tests costs time, never a wrong hit.
    Brackets are plain text, because node ids are full of them.
    """

    __test__ = False
    written_as: ClassVar[str] = 'a test, file or folder, such as "tests/test_api.py::test_*"'

    @classmethod
    def parse(cls, raw: object) -> Self:
        return cls(_text(raw, cls.written_as))

    def covers(self, nodeid: str) -> bool:
        """Say whether the pattern names this test, or something that holds it."""
        return _node_regex(str(self)).match(nodeid) is not None


class PathPattern(str):
    """Names files by path from the rootdir: `*` within one name, `**` any folders; a folder covers all below.

    Brackets are plain text. What lies above the rootdir begins with "../".
    """

    written_as: ClassVar[str] = 'a path from the rootdir with "/" between names, such as "data/**/*.json"'

    @classmethod
    def parse(cls, raw: object) -> Self:
        text = _text(raw, cls.written_as)
        if "\\" in text:
            raise ValueError(cls.written_as)
        return cls(text.removeprefix("./").rstrip("/") or "/")

    def covers(self, path: str) -> bool:
        """Say whether the pattern names this path, or a folder above it. `path` has "/" between names."""
        return _path_regex(str(self)).match(path) is not None


class Folder(str):
    """A folder, from the rootdir or absolute."""

    written_as: ClassVar[str] = 'a folder, from the rootdir or absolute, such as ".testcache"'

    @classmethod
    def parse(cls, raw: object) -> Self:
        return cls(_text(raw, cls.written_as))


def _text(raw: object, expected: str) -> str:
    if not isinstance(raw, str) or not raw.strip() or "\0" in raw:
        raise ValueError(expected)
    return raw


def _number_and_unit(raw: object, units: dict[str, int]) -> tuple[int, str]:
    match = re.fullmatch(r"([1-9]\d{0,8}) ?([A-Za-z]+)", raw, re.ASCII) if isinstance(raw, str) else None
    if match is None or match[2] not in units:
        raise ValueError(f"expected a whole number and one of {', '.join(units)}")
    return int(match[1]), match[2]


@lru_cache(maxsize=512)
def _node_regex(pattern: str) -> re.Pattern[str]:
    body = ".*".join(re.escape(part).replace(r"\?", ".") for part in re.split(r"\*+", pattern.rstrip("/")))
    return re.compile(rf"{body}(?:\Z|/|::|\[)", re.DOTALL)


@lru_cache(maxsize=512)
def _path_regex(pattern: str) -> re.Pattern[str]:
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    body = "".join(meaning.get(part) or re.escape(part) for part in parts)
    return re.compile(rf"{body}(?:\Z|/)", re.DOTALL)
