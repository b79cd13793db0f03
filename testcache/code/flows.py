"""Which parts of each kind of node hand their value on: to a call, a variable, a caller, a container."""

from __future__ import annotations

import ast

_KEEPS: dict[type[ast.AST], str] = {
    ast.Subscript: "value",
    ast.Compare: "left comparators",
    ast.UnaryOp: "operand",
    ast.BinOp: "left right",
    ast.If: "test body orelse",
    ast.While: "test body orelse",
    ast.IfExp: "test",
    ast.Assert: "test",
    ast.Expr: "value",
    ast.Raise: "exc cause",
    ast.ExceptHandler: "type body",
    ast.AnnAssign: "target annotation",
    ast.Assign: "targets",
    ast.AugAssign: "target",
    ast.For: "target iter body orelse",
    ast.AsyncFor: "target iter body orelse",
    ast.comprehension: "target iter ifs",
    ast.withitem: "context_expr optional_vars",
    ast.Delete: "targets",
    ast.FormattedValue: "value",
    ast.Starred: "value",
    ast.match_case: "guard body",
    ast.MatchValue: "value",
    ast.MatchClass: "cls",
}
"""For each kind of node the fields whose value goes no further: it is tested, called, iterated, ..."""


def _parts() -> dict[type[ast.AST], tuple[tuple[str, bool], ...]]:
    found: dict[type[ast.AST], tuple[tuple[str, bool], ...]] = {}
    kinds: list[type[ast.AST]] = [ast.AST]
    plain = {"id", "attr", "ctx", "op", "ops", "names", "name", "rest", "type_comment", "kind", "module", "level"}
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        kept = _KEEPS.get(kind, "").split()
        found[kind] = tuple((name, name not in kept) for name in kind._fields if name not in plain)
    return found


PARTS = _parts()
