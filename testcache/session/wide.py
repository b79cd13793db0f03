"""Wide fixtures, which several tests share, and what is torn down between two tests."""

from __future__ import annotations

from typing import Any

import pytest


def wide(item: pytest.Item) -> set[pytest.FixtureDef[Any]]:
    """The fixtures of a test that others may share."""
    info = getattr(item, "_fixtureinfo", None)
    named = info.name2fixturedefs.values() if info is not None else ()
    return {one for definitions in named for one in definitions if one.scope != "function"}


def is_of_pytest(definition: pytest.FixtureDef[Any]) -> bool:
    """Whether a fixture is one of pytest's own, such as the folder of all temporary folders, and not `setup_module`."""
    module = getattr(definition.func, "__module__", None) or ""
    return module.startswith("_pytest.") and not definition.argname.startswith("_xunit")


def common_node(item: pytest.Item, *others: pytest.Item) -> pytest.Item:
    """The lowest node above all of these.

    Named as the next item, it has all torn down that not each of them needs, so that any can follow.
    """
    shared = [node for node in item.listchain()[:-1] if all(node in other.listchain() for other in others)]
    return shared[-1]  # type: ignore[return-value]  # of a next item only listchain() is asked
