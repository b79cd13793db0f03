"""Tests that `-k`, `-m` or `--deselect` leaves out of files that are not imported: only their number is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import pytest

from testcache.storage.index import IndexedFile

_Item = TypeVar("_Item", bound=pytest.Item)


class Deselected(pytest.Item):
    """Stands for all of them in one file, as nothing but their number is shown."""

    def runtest(self) -> None:
        raise AssertionError(f"{self.nodeid}: never run")


def tell(session: pytest.Session, files: Iterable[IndexedFile]) -> None:
    """Report what is left out of these files to pytest and ourselves; whoever else listens would look into it."""
    left_out = [one for file in files if file.deselected for one in _stand_ins(session, file)]
    if left_out:
        report = pytest.CollectReport(session.nodeid, "passed", None, [*left_out])
        session.config.hook.pytest_collectreport(report=report)
        hook = session.config.pluginmanager.subset_hook_caller("pytest_deselected", _listeners(session.config))
        hook(items=left_out)


def _stand_ins(session: pytest.Session, file: IndexedFile) -> list[Deselected]:
    path = session.config.rootpath / file.path
    one = Deselected.from_parent(session, name="deselected", nodeid=f"{file.path}::deselected", path=path)
    return [one] * file.deselected


def is_listened_to(config: pytest.Config) -> bool:
    """Whether a plugin or a conftest file wants to know which tests are left out."""
    return bool(_listeners(config))


def _listeners(config: pytest.Config) -> list[object]:
    implementations = config.hook.pytest_deselected.get_hookimpls()
    return [one.plugin for one in implementations if not one.plugin_name.startswith(("terminalreporter", "testcache"))]


def put_back(
    before: Sequence[pytest.Item], after: Sequence[pytest.Item], kept: type[_Item]
) -> Iterator[pytest.Item | _Item]:
    """Items as selected and ordered by those who saw them without some.

    Args:
        before: all of them.
        after: those that were shown, without what was left out and perhaps in another order.
        kept: the class of those that were not shown; each is where it was.
    """
    selected, rest = set(after), iter(after)
    for item in before:
        if isinstance(item, kept):
            yield item
        elif item in selected:
            yield next(rest)
    yield from rest
