"""What `mock.patch`, `monkeypatch` and alike mention: they find by a text what they replace, and may copy its names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from testcache.code.looks import ANY
from testcache.code.nodes import last_name, text_of

PATCHERS = frozenset({"patch", "multiple", "dict", "setattr", "delattr", "create_autospec"})

_SPECS = frozenset({"autospec", "spec", "spec_set", "wraps"})
_WORD = re.compile(r"[^\W\d]\w*")


def patched(node: ast.Call, name: str, *, plain: bool) -> Iterator[str]:
    """The mentions of a call of one of `PATCHERS`; `plain` says that it is no attribute that is called."""
    keywords = {keyword.arg or "": keyword.value for keyword in node.keywords}
    target = node.args[0] if node.args else keywords.get("target")
    text = text_of(target)
    yield from _WORD.findall(text)
    if name == "multiple":
        yield from filter(None, keywords)
    if (text and not _SPECS.isdisjoint(keywords)) or (name == "multiple" and "" in keywords):
        yield ANY + text.rpartition(".")[2]
    if name == "patch":  # an HTTP client has a method of that name
        by_text = plain or last_name(getattr(node.func, "value", node)).endswith(("mock", "mocker"))
    elif name == "dict":
        by_text = not plain and last_name(getattr(node.func, "value", node)).endswith("patch")
    elif name in ("setattr", "delattr"):
        by_text = not plain and len(node.args) == (2 if name == "setattr" else 1)
    else:
        by_text = name == "multiple" and isinstance(target, ast.JoinedStr | ast.BinOp)
    if by_text and target is not None and not isinstance(target, ast.Constant) and not _ends_in_text(target):
        yield ANY


def _ends_in_text(node: ast.expr) -> bool:
    """Is it something put together whose last name is written down, as in f"{MODULE}.RATE"?"""
    last: ast.expr | None = None
    if isinstance(node, ast.JoinedStr):
        last = node.values[-1] if node.values else None
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        last = node.right
    return text_of(last).startswith(".")
