"""`testcache prune`: remove what is old, then the oldest down to a size; in the store, or in the remote."""

from __future__ import annotations

import os

from testcache.clock import clock
from testcache.errors import SettingError
from testcache.project import Project
from testcache.quantities import Duration, Size
from testcache.report import number, seconds, size
from testcache.terminal import say


def run(project: Project, *, max_size: str | None, max_age: str | None) -> int:
    """Prune the store to the given or set limits and say what went. Raises SettingError, StoreError."""
    limit, age = _limits(max_size, max_age, project.settings.max_size, project.settings.max_age)
    store = project.store(readonly=False)
    if store is None:
        say(f"testcache: {project.store_name}: nothing to prune, nothing is recorded")
        return 0
    with store:
        pruned = store.prune(max_bytes=limit, max_age_s=age, now=clock.time())
    _tell(project.store_name, pruned.entries, pruned.bytes, size(pruned.left_bytes), limit, age)
    return 0


def remotely(project: Project, *, max_size: str | None, max_age: str | None) -> int:
    """Prune the remote, for all who share it. Raises SettingError, RemoteError; Unlisted if the engine cannot."""
    from testcache.remote.address import engine, shown
    from testcache.remote.configuration import configured
    from testcache.remote.excess import Limits

    remote = configured(project.settings, os.environ)
    limit, age = _limits(max_size, max_age, remote.max_size, remote.max_age)
    if not remote.url:
        raise SettingError("remote.url: expected an address, as the remote is to be pruned [setting-value]")
    if "write" not in remote.mode:
        raise SettingError(f'remote.mode = "{remote.mode}": expected one that writes, to prune it [setting-value]')
    backend = engine(remote.url, deadline_s=remote.deadline, max_age_s=remote.max_age)
    try:
        pruned = backend.prune(Limits(limit, clock.time() - age))
    finally:
        backend.close()
    left = f"{number(pruned.left, 'entry')} ({size(pruned.left_bytes)})"
    _tell(shown(remote.url), pruned.entries, pruned.bytes, left, limit, age)
    return 0


def _limits(max_size: str | None, max_age: str | None, set_size: Size, set_age: Duration) -> tuple[Size, Duration]:
    try:
        limit = set_size if max_size is None else Size.parse(max_size)
    except ValueError as problem:
        raise SettingError(f"--max-size={max_size}: expected {Size.written_as} [option-value]") from problem
    try:
        age = set_age if max_age is None else Duration.parse(max_age)
    except ValueError as problem:
        raise SettingError(f"--max-age={max_age}: expected {Duration.written_as} [option-value]") from problem
    return limit, age


def _tell(place: str, entries: int, freed: int, left: str, limit: int, age: int) -> None:
    removed = f"{number(entries, 'entry')} removed ({size(freed)})" if entries else "nothing removed"
    limits = f"limits: {size(limit)}, {seconds(age) if age < 86400 else number(age // 86400, 'day')}"
    say(f"testcache: {place}: {removed}, {left} left; {limits}")
