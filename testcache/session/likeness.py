"""What makes two failures alike: one bug fails a hundred tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from testcache.session.names import node_id, path_of

Likeness = tuple[object, ...]


def likenesses(item: pytest.Item, reports: Sequence[pytest.TestReport]) -> Iterator[Likeness]:
    """What a failure has in common with others like it: where it happened, and in which test or with which message."""
    for report in reports:
        crash = getattr(report.longrepr, "reprcrash", None)
        if report.failed and crash is not None:
            place = path_of(node_id(item)), crash.path, crash.lineno
            test = item.listchain()[-2].nodeid, getattr(item, "originalname", item.name)
            yield (*place, *test, crash.message.partition(":")[0])
            yield (*place, crash.message)
