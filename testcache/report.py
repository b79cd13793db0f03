"""Facts to lines of text; pure."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from testcache.model import (
    EVERY,
    HOOKS,
    INSIDE,
    OPAQUE,
    SHELF,
    Change,
    Digest,
    Hit,
    Input,
    Kind,
    Miss,
    NodeId,
    is_import,
)
from testcache.reasons import Group, Reason

_ON_SHELF = re.compile(rf"{SHELF} (.*?) (\d+|-)(?:/(.*))?\]\Z")

NOUNS = {
    Kind.BLOCK: "function",
    Kind.BODY: "module body",
    Kind.DEFINITIONS: "definition set",
    Kind.WHOLE: "whole module",
    Kind.EXPORTS: "exported definition set",
    Kind.FILE: "file",
    Kind.LISTING: "folder listing",
    Kind.EXISTS: "existence check",
    Kind.STAT: "stat result",
    Kind.TIMES: "modification time",
    Kind.PERMISSIONS: "permission set",
    Kind.LINK: "link",
    Kind.VARIABLE: "variable",
    Kind.OPTION: "option",
    Kind.MODULE: "module look-up",
    Kind.DISTRIBUTION: "distribution",
}
"""A word for each kind of input, in the order in which a reader looks for them."""


_NAMES = 3
"""Changed definitions of one file that are named; more would fill the line."""


def seconds(value: float) -> str:
    """A duration in words: `12 ms`, `0.4 s`, `41 s`, `3 min 20 s`, `2 h 5 min`."""
    if value < 0.1:
        return f"{value * 1000:.0f} ms"
    if value < 10:
        return f"{value:.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    if value < 7200:
        return f"{value // 60:.0f} min {value % 60:.0f} s"
    return f"{value // 3600:.0f} h {value % 3600 // 60:.0f} min"


def cached_status(report: Any) -> tuple[str, str, str] | None:
    """How a replayed pass is shown: counted as passed, letter `c`, word CACHED."""
    if getattr(report, "testcache_hit", False) and report.when == "call" and report.passed:
        return None if hasattr(report, "wasxfail") else ("passed", "c", "CACHED")
    return None


def closing_line(
    total: int, cached: int, ran: Mapping[Reason, int], not_stored: Mapping[Reason, int], saved_s: float
) -> str:
    """The one line every run ends with.

    `testcache: 402 tests: 388 cached, 12 run (9 changed, 3 new), 2 uncacheable; about 41 s saved`: each
    test is one of the three, and those that are uncacheable ran too.
    """
    count = sum(ran.values())
    text = f"testcache: {total} test{'s' * (total != 1)}: {cached} cached, {count} run"
    if count:
        text += f" ({tally(ran)})"
    if not_stored:
        text += f", {sum(not_stored.values())} uncacheable"
    if cached:
        text += f"; about {seconds(saved_s)} saved"
    return text


def place(change: Change) -> str:
    """A changed input in a reader's words: `src/shop/auth.py, function login`."""
    if change.input.kind is Kind.DEFINITIONS and change.names:
        shown = ", ".join(change.names[:_NAMES])
        more = f" and {len(change.names) - _NAMES} more" if len(change.names) > _NAMES else ""
        return f"{change.input.name}, definition{'s' * (len(change.names) > 1)} {shown}{more}"
    return words_of(change.input)


def words_of(asked: Input) -> str:
    """An input in a reader's words."""
    kind, name = asked
    if kind is Kind.BLOCK:
        return _block_words(*name.split("::", 1))
    words = {
        Kind.BODY: "{}, outside its functions",
        Kind.WHOLE: "{}, seen as a whole by a file that imports it",
        Kind.DEFINITIONS: "{}, its definitions",
        Kind.EXPORTS: "{}, the names of its definitions",
        Kind.FILE: "file {}",
        Kind.EXISTS: "whether {} is there",
        Kind.STAT: "size or mode of {}",
        Kind.TIMES: "modification time of {}",
        Kind.PERMISSIONS: "permissions of {}",
        Kind.LISTING: "the entries of folder {}",
        Kind.LINK: "whether {} is a link, and to what",
        Kind.VARIABLE: "environment variable {}",
        Kind.DISTRIBUTION: "installed distribution {}",
        Kind.MODULE: "where module {} is found",
        Kind.OPTION: "option {}",
    }
    if kind is Kind.DEFINITIONS and name.endswith(EVERY):
        return "any name at all" if name == EVERY else f"{name.removesuffix('::*')}, any of its names"
    if kind is Kind.DEFINITIONS and "::" in name:
        return "{}, an object of {}".format(*name.split("::", 1))
    if asked == (Kind.DISTRIBUTION, "*"):
        return "which distributions are installed"
    cut = {Kind.MODULE: "@", Kind.VARIABLE: "="}.get(kind)  # behind it: for which importer, with which salt
    shown = name.partition(cut)[0] if cut else name
    return words[kind].format(shown)


def _block_words(path: str, block: str) -> str:
    if block == "*":
        return f"{path}, outside its functions"
    if block == "__main__":
        return f"{path}, what it runs as a program"
    block, _, row = block.partition("[")
    if row:
        return f"{path}, {'the rows' if '*' in row else 'a row'} of the parameters of {block}"
    name, _, number = block.partition("#")
    kind = "class" if name.rpartition(".")[2][:1].isupper() else "function"
    return f"{path}, {kind} {name}" + (f" (definition {number})" if number else "")


def values(change: Change) -> str:
    """Both values of a change, short: `9c1e04ab -> 51d2f7c0`, `absent -> there`."""
    if change.input.kind is Kind.VARIABLE:
        before = "set" if change.recorded else "unset"
        now = "unset" if not change.now else "another value" if change.recorded else "set"
        return f"{before} -> {now}"
    return f"{short(change.recorded)} -> {short(change.now)}"


def short(value: Digest) -> str:
    """A fingerprint in eight characters; `absent` or `there` where there is no more to say."""
    if not value:
        return "absent"
    return value.hex()[:8] if len(value) == 16 else "there"


def headline(subject: str, group: str, reason: Reason) -> str:
    """The first line of a message: it stands alone, and its last word leads to `docs/reasons.md`."""
    return f"testcache: {subject}: {group}: {reason.sentence} [{reason.slug}]"


def python_of(facts: Mapping[str, str]) -> str:
    """The interpreter among the facts behind an environment key: `Python 3.12.4`."""
    if "python" not in facts:
        return "an unknown Python"
    name, _, rest = facts["python"].partition(" ")
    version = rest.partition(" ")[0]
    return f"Python {version}" if name == "cpython" else f"{name} {version}"


def moment(at: float) -> str:
    """A time of the clock on the wall: `2026-03-02 14:10`. `at` is in seconds since the epoch."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def size(count: float) -> str:
    """A number of bytes in words: `640 bytes`, `1.4 MiB`."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def number(count: int, noun: str) -> str:
    """`1 test`, `2 tests`, `1,200 entries`."""
    plural = re.sub(r"(?<![aeiou])y\Z", "ie", noun) + "s"
    return f"{count:,} {noun if count == 1 else plural}"


def tally(reasons: Mapping[Reason, int]) -> str:
    """`9 changed, 3 new`: how many for which reason, in words, most first."""
    words: Counter[str] = Counter()
    for reason, count in reasons.items():
        words[reason.word] += count
    return ", ".join(f"{count} {word}" for word, count in words.most_common())


def decision_lines(node: NodeId, decision: Hit | Miss, *, limit: int = 3) -> Iterable[str]:
    """Why one test was replayed or ran: the first line stands alone, the evidence is indented."""
    if isinstance(decision, Hit):
        yield f"testcache: {node}: hit: {Reason.CACHED.sentence} [{Reason.CACHED.slug}]"
        return
    reason = decision.reason
    group = "miss" if reason.group is Group.MISS else reason.group.value
    yield f"testcache: {node}: {group}: {reason.sentence} [{reason.slug}]"
    for change in decision.changes[:limit]:
        yield f"    {place(change)}: {values(change)}"
    if len(decision.changes) > limit:
        yield f"    and {len(decision.changes) - limit} more"
    yield from waiting_lines(decision, limit=limit)


def waiting_lines(miss: Miss, *, limit: int) -> Iterable[str]:
    """What a test found that others had left, and who."""
    for found in miss.waits_for[:limit]:
        yield f"    {_where(found.place)}, {_by(found.filler)}"
    if len(miss.waits_for) > limit:
        yield f"    and {len(miss.waits_for) - limit} more"


def _by(filler: NodeId) -> str:
    if filler == HOOKS:
        return "left by hooks of pytest"
    return f"left by the import of {filler.partition('::')[0]}" if is_import(filler) else f"left by {filler}"


def _where(place: str) -> str:
    if is_import(NodeId(place)):
        return f"what {place.partition('::')[0]} has come upon"
    inside = place.removesuffix(OPAQUE).removesuffix(INSIDE)
    if inside != place:
        return f"inside {inside}"
    shelf = _ON_SHELF.search(place)
    if shelf is None:
        return place
    maker, number, path = shelf.groups()
    return f"{path}, a file of {maker}" if number == "-" else f"{path or 'the files'} in a temporary folder of {maker}"
