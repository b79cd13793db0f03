"""`testcache prune`: remove what is old, then the oldest down to a size."""

from __future__ import annotations

import time

from testcache.errors import SettingError
from testcache.project import Project
from testcache.quantities import Duration, Size
from testcache.report import number, seconds, size
from testcache.terminal import say


def run(project: Project, *, max_size: str | None, max_age: str | None) -> int:
    """Prune the store to the given or set limits and say what went. Raises SettingError, StoreError."""
    limit, age = project.settings.max_size, project.settings.max_age
    if max_size is not None:
        try:
            limit = Size.parse(max_size)
        except ValueError as problem:
            raise SettingError(f"--max-size={max_size}: expected {Size.written_as} [option-value]") from problem
    if max_age is not None:
        try:
            age = Duration.parse(max_age)
        except ValueError as problem:
            raise SettingError(f"--max-age={max_age}: expected {Duration.written_as} [option-value]") from problem
    store = project.store(readonly=False)
    if store is None:
        say(f"testcache: {project.store_name}: nothing to prune, nothing is recorded")
        return 0
    with store:
        pruned = store.prune(max_bytes=limit, max_age_s=age, now=time.time())
    removed = (
        f"{number(pruned.entries, 'entry')} removed ({size(pruned.bytes)})" if pruned.entries else "nothing removed"
    )
    say(
        f"testcache: {project.store_name}: {removed}, {size(pruned.left_bytes)} left; "
        f"limits: {size(limit)}, {seconds(age) if age < 86400 else number(age // 86400, 'day')}"
    )
    return 0
