"""Facts to lines of text; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from testcache.model import Change, Hit, Kind, Miss, NodeId
from testcache.reasons import Group, Reason


def seconds(value: float) -> str:
    """A duration in words: `0.4 s`, `41 s`, `3 min 20 s`."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{value // 60:.0f} min {value % 60:.0f} s"


def closing_line(
    total: int, cached: int, ran: Counter[Reason], not_stored: Counter[Reason], saved_s: float
) -> str:
    """The one line every run ends with.

    `testcache: 402 tests: 388 cached, 12 run (9 changed, 3 new), 2 uncacheable; about 41 s saved`
    """
    count = sum(ran.values())
    text = f"testcache: {total} test{'s' * (total != 1)}: {cached} cached, {count} run"
    words: Counter[str] = Counter()
    for reason, number in ran.items():
        words[reason.word] += number
    if words:
        text += " (" + ", ".join(f"{number} {word}" for word, number in words.most_common()) + ")"
    if not_stored:
        text += f", {sum(not_stored.values())} uncacheable"
    if cached:
        text += f"; about {seconds(saved_s)} saved"
    return text


def place(change: Change) -> str:
    """An input in a reader's words: `src/shop/auth.py, function login`."""
    kind, name = change.input
    if kind is Kind.BLOCK:
        path, _, block = name.partition("::")
        return f"{path}, {'class' if block[:1].isupper() and '.' not in block else 'function'} {block}"
    words = {
        Kind.BODY: "{}, outside its functions",
        Kind.FILE: "file {}",
        Kind.EXISTS: "whether {} is there",
        Kind.STAT: "size or mode of {}",
        Kind.TIMES: "modification time of {}",
        Kind.LISTING: "the entries of folder {}",
        Kind.LINK: "the target of link {}",
        Kind.VARIABLE: "environment variable {}",
        Kind.DISTRIBUTION: "installed distribution {}",
        Kind.MODULE: "where module {} is found",
        Kind.OPTION: "option {}",
    }
    shown = name.partition("@")[0] if kind is Kind.MODULE else name
    return words[kind].format(shown)


def values(change: Change) -> str:
    """Both values of a change, short: `9c1e04ab -> 51d2f7c0`, `absent -> there`."""
    kind = change.input.kind
    if kind is Kind.VARIABLE:
        return f"{'set' if change.recorded else 'unset'} -> {'another value' if change.recorded and change.now else 'set' if change.now else 'unset'}"
    before = change.recorded.hex()[:8] if len(change.recorded) == 16 else ("there" if change.recorded else "absent")
    now = change.now.hex()[:8] if len(change.now) == 16 else ("there" if change.now else "absent")
    return f"{before} -> {now}"


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
