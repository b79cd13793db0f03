"""How two environments differ, and which tests are recorded under another one than this run's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile

from testcache.exchange.printable import printable
from testcache.model import EnvironmentKey, Miss, NodeId
from testcache.reasons import Reason
from testcache.storage.history import MAYBE_SECRET, facts_of
from testcache.storage.manifests import known_files, load_manifests
from testcache.storage.store import Store
from testcache.structs import Struct

SHOWN = 3
"""Differences shown in a run: the first ones tell what happened, `explain --all` has the rest."""

_DIGEST = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}")


class Difference(Struct, frozen=True):
    """One fact behind two environment keys; None where there is no such fact."""

    name: str
    recorded: str | None
    now: str | None

    @property
    def words(self) -> str:
        """Both values, short enough for a line: `3.12.1 -> 3.13.0`; of long ones, from where they differ."""
        recorded, now = self.recorded, self.now
        if recorded is not None and now is not None and _brief(recorded) == _brief(now):
            same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(recorded, now, strict=False)))
            start = max(0, same - 20)
            recorded, now = f"...{recorded[start:]}", f"...{now[start:]}"
        return printable(f"{_brief(recorded)} -> {_brief(now)}")  # one of them may have come from elsewhere


def _brief(value: str | None) -> str:
    if value is None:
        return "absent"
    if _DIGEST.fullmatch(value):
        return value[:8]
    return value.partition(" (")[0][:60] or '""'  # without the build date of a Python


def differences(recorded: dict[str, str], now: dict[str, str]) -> tuple[Difference, ...]:
    """What differs between two environments, sorted by name.

    Values that may be secrets are left out of what travels, so where one side has none, none is compared.
    """
    names = {*recorded, *now}
    if not all(any(name.startswith(MAYBE_SECRET) for name in side) for side in (recorded, now)):
        names = {name for name in names if not name.startswith(MAYBE_SECRET)}
    pairs = ((name, recorded.get(name), now.get(name)) for name in sorted(names))
    return tuple(Difference(printable(name), old, new) for name, old, new in pairs if old != new)


def lines(drift: tuple[Difference, ...]) -> Iterator[str]:
    """What a run says when its tests are recorded under another environment only."""
    if drift:
        yield f"testcache: environment: not the one that tests were recorded under [{Reason.ENVIRONMENT_CHANGED.slug}]"
    for difference in drift[:SHOWN]:
        yield f"    {difference.name}: {difference.words}"
    if len(drift) > SHOWN:
        yield f"    and {len(drift) - SHOWN} more: testcache explain --all TEST"


def recorded_elsewhere(
    store: Store, environment: EnvironmentKey, facts: Mapping[str, str], tests: Iterable[NodeId]
) -> tuple[dict[NodeId, Miss], tuple[Difference, ...]]:
    """Those of these tests that are recorded under the environment that differs least, and how it differs.

    Cost: the keys of the store, and one manifest for each test file.
    """
    wanted = {node: node.partition("::")[0] for node in tests}
    paths: dict[EnvironmentKey, list[str]] = {}
    for other, path in known_files(store) if wanted else ():
        if other != environment:
            paths.setdefault(other, []).append(path)
    if not paths:
        return {}, ()
    compared = {other: differences(facts_of(store, other), dict(facts)) for other in paths}
    nearest = min(paths, key=lambda other: (len(compared[other]), other))
    known = set(wanted.values()) & set(paths[nearest])
    manifests = load_manifests(store, nearest, known)[0]
    found: dict[NodeId, Miss] = {}
    for node, path in wanted.items():
        traces = manifests[path].traces.get(node) if path in manifests else None
        if traces:
            found[node] = Miss(Reason.ENVIRONMENT_CHANGED, (), traces[0])
    return found, compared[nearest] if found else ()
