"""Node ids as the store knows them."""

from __future__ import annotations

import pytest

from testcache.model import NodeId


def node_id(item: pytest.Item) -> NodeId:
    """The node id without the `@group` that xdist's loadgroup appends."""
    node = item.nodeid
    if "@" in node and (group := item.get_closest_marker("xdist_group")) is not None:
        name = group.args[0] if group.args else group.kwargs.get("name", "default")
        return NodeId(node.removesuffix(f"@{name}"))
    return NodeId(node)


def path_of(node: NodeId) -> str:
    """The file part of a node id."""
    return node.partition("::")[0]
