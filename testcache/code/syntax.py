"""Syntax trees as flat lists of tokens without positions: equal code gives equal tokens.

The tree is written by a machine with a stack: it takes the top node, writes one token (or a few)
that says what kind of node it is, and puts the node's children on the stack. A reader of the
tokens could do the same steps backwards, so no two trees share their tokens. The first character
says what a token is:

    x       a name that is read          >x      a name that is bound
    .x      an attribute that is read    >.x     an attribute that is set
            (also a declared global or a matched name)
    !x      a name that is called        !.x     an attribute that is called (also an imported name)
    "3:abc  a text with its length       %3:abc  a text that only asks pytest for a fixture
    =int 0x1  any other constant         (Call   a node of that kind; its children follow
    @x      a parameter                  $x      a keyword of a call
    [2      a list of that many nodes    ~x      any other text in a node, such as `except ... as x`
    -       nothing                      { }     a suite of statements

What depends on the version of Python is left out where the versions agree on the code: `ctx`,
`type_comment`, `kind`, and an empty `type_params`.
"""

from __future__ import annotations

import ast
from ast import Attribute, Call, Constant, Name, Store, Subscript
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, TypeAlias

Expand: TypeAlias = Callable[[ast.AST, list[str]], tuple[object, ...]]
"""Writes the tokens of one node and returns its children."""

REQUESTED = "requested"
"""Set as the `kind` of a text constant that asks pytest for a fixture or names a scope."""

LONGEST_NAME = 40
"""A text longer than this is not taken for a name. Python names of that length are rare, and
every longer text in a table of test data would make the sets grow."""

LONGEST_PATH = 120
"""The same for a dotted text, such as the target of `mock.patch`."""

_UNUSED = {"ctx", "type_comment", "kind", "type_ignores", "type_params", "default_value"}
_LISTS = tuple(f"[{length}" for length in range(64))
_REQUESTS = {"usefixtures", "getfixturevalue", "parametrize", "fixture"}


def write(stack: list[object], out: list[str]) -> None:
    """Append the tokens of everything on the stack to `out`, last item first; empties the stack.

    Cost: about 0.3 us a node; does not recurse, so depth is no limit.
    """
    pop, push, extend, append = stack.pop, stack.append, stack.extend, out.append
    shapes, rare, lists = _SHAPES, _RARE, _LISTS
    node: Any  # known by the identity of its class, which is fast and no type checker follows
    while stack:
        node = pop()
        kind = node.__class__
        if kind is Name:
            append(node.id if node.ctx.__class__ is not Store else ">" + node.id)
        elif kind is Attribute:
            append(("." if node.ctx.__class__ is not Store else ">.") + node.attr)
            push(node.value)
        elif kind is Constant:
            append(_constant(node.value, node.kind))
        elif kind is list:
            length = len(node)
            append(lists[length] if length < 64 else f"[{length}")
            extend(node)
        elif kind in shapes:
            tag, count, children = shapes[kind]
            append(tag)
            if count > 1:
                extend(children(node))
            elif count:
                push(children(node))
        elif kind in rare:
            extend(rare[kind](node, out))
        elif kind is str:
            append("~" + node)
        elif node is None:
            append("-")
        else:
            append(_constant(node, None))


def mentions(tokens: Iterable[str]) -> tuple[set[str], set[str], set[str]]:
    """The names that tokens mention: names read, other mentions, and fixtures asked for by text.

    "Other" are attributes, imported and global names, and texts that are a name or a dotted path.
    Does not see a name that is put together at run time.
    """
    names, others, requested, _ = mentions_and_held(tokens)
    return names, others, requested


def mentions_and_held(tokens: Iterable[str]) -> tuple[set[str], set[str], set[str], set[str]]:
    """The same, and those among them whose value is not only called: it can be handed on, and be looked at."""
    words = set(tokens)
    called = {word for word in words if word[0] == "!"}
    names, others, requested = _mentioned(words - called if called else words)
    held = names | others | requested
    for word in called:  # a name, an attribute, or a path that is imported
        if word[1] == ".":
            others.update(word[2:].split("."))
        else:
            names.add(word[1:])
    others.discard("")
    return names, others, requested, held


def _mentioned(words: set[str]) -> tuple[set[str], set[str], set[str]]:
    names: set[str] = set()
    others: set[str] = set()
    requested: set[str] = set()
    for token in words:
        first = token[0]
        if first == ".":
            others.update(token[1:].split("."))
        elif first == '"':
            others.update(_names_in(token.partition(":")[2]))
        elif first == "%":
            requested.update(_names_in(token.partition(":")[2]))
        elif first == ">":
            if token[1] == ".":
                others.add(token[2:])
        elif first not in "(=[~-{}@$|":
            names.add(token)
    others.discard("")
    return names, others, requested


def stores(tokens: Iterable[str]) -> set[str]:
    """The plain names that tokens bind by assignment, loop, `with` or walrus."""
    return {token[1:] for token in set(tokens) if token[0] == ">" and token[1] != "."}


def _names_in(text: str) -> list[str]:
    if text.isidentifier():
        return [text] if len(text) <= LONGEST_NAME else []
    if len(text) > LONGEST_PATH or not ("." in text or ":" in text):
        return []
    if "::" in text:  # a node id, tests/test_x.py::TestX::test_a[1]
        text = text.partition("::")[2].partition("[")[0]
    parts = text.replace(":", ".").split(".")
    return parts if all(not part or part.isidentifier() for part in parts) else []


def _constant(value: object, kind: str | None) -> str:
    if isinstance(value, str):
        return f"{'%' if kind == REQUESTED else chr(34)}{len(value)}:{value}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"=int {value:#x}"  # not in decimal: that raises for more than 4,300 digits
    return f"={value.__class__.__name__} {value!r}"


def _call(node: ast.AST, out: list[str]) -> tuple[object, ...]:
    assert isinstance(node, Call)
    function = node.func
    name = ""
    if isinstance(function, Attribute):
        name = function.attr
    elif isinstance(function, Name):
        name = function.id
    if name in _REQUESTS:
        _mark_requests(name, node)
    out.append("(Call=" if node.keywords else "(Call")
    if isinstance(function, Attribute):
        out.append("!." + function.attr)
        function = function.value
    elif isinstance(function, Name):
        out.append("!" + function.id)
        return (node.args, node.keywords) if node.keywords else (node.args,)
    return (function, node.args, node.keywords) if node.keywords else (function, node.args)


def _mark_requests(name: str, call: Call) -> None:
    """Mark the texts of a call by which pytest is only told what to hand in, and for how long."""
    asked: list[ast.expr] = []
    if name in ("usefixtures", "getfixturevalue"):
        asked += call.args
    elif name == "parametrize":
        asked += call.args[:1]
    for keyword in call.keywords:
        if keyword.arg in ("scope", "indirect", "argnames", "argname"):
            asked.append(keyword.value)
    for value in asked:
        for text in value.elts if isinstance(value, (ast.List, ast.Tuple)) else [value]:
            if isinstance(text, Constant) and isinstance(text.value, str):
                text.kind = REQUESTED


def _subscript(node: ast.AST, out: list[str]) -> tuple[object, ...]:
    assert isinstance(node, Subscript)
    out.append("(Subscript" if node.ctx.__class__ is not Store else "(Subscript>")
    return node.value, node.slice


def _definition(node: ast.AST, out: list[str]) -> tuple[object, ...]:
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    out.append(f"({node.__class__.__name__} {node.name}")
    return (node.body, *header(node))


def header(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> list[object]:
    """The parts of a definition that run with it: decorators, defaults, annotations, bases."""
    parts: list[object]
    if isinstance(node, ast.ClassDef):
        parts = [node.decorator_list, node.bases, node.keywords]
    else:
        parts = [node.decorator_list, node.args, node.returns]
    type_params = getattr(node, "type_params", None)
    if type_params:
        parts.append(type_params)
    return parts


def _arguments(node: ast.AST, out: list[str]) -> tuple[object, ...]:
    assert isinstance(node, ast.arguments)
    if not (node.posonlyargs or node.kwonlyargs or node.defaults or node.vararg or node.kwarg):
        out.append("(arguments")  # the usual shape: plain parameters
        return (node.args,)
    out.append("(arguments=")
    return (
        node.posonlyargs,
        node.args,
        node.vararg,
        node.kwonlyargs,
        node.kw_defaults,
        node.kwarg,
        node.defaults,
    )


def _arg(node: ast.AST, out: list[str]) -> tuple[object, ...]:
    assert isinstance(node, ast.arg)
    out.append("@" + node.arg if node.annotation is None else "@:" + node.arg)
    return () if node.annotation is None else (node.annotation,)


def _keyword(node: ast.AST, out: list[str]) -> tuple[object, ...]:
    assert isinstance(node, ast.keyword)
    out.append("$" + (node.arg or ""))
    return (node.value,)


def _alias(node: ast.AST, out: list[str]) -> tuple[object, ...]:
    assert isinstance(node, ast.alias)
    out += ("(alias " + (node.asname or ""), "!." + node.name)  # what is done with it is seen where it is done
    return ()


def _import_from(node: ast.AST, out: list[str]) -> tuple[object, ...]:
    assert isinstance(node, ast.ImportFrom)
    out += (f"(ImportFrom {node.level}", "!." + (node.module or ""))
    return (node.names,)


def _declared(node: ast.AST, out: list[str]) -> tuple[object, ...]:
    assert isinstance(node, (ast.Global, ast.Nonlocal))
    out.append(f"({node.__class__.__name__} {len(node.names)}")
    out += ["." + name for name in node.names]
    return ()


def _augmented(node: ast.AST, out: list[str]) -> tuple[object, ...]:
    assert isinstance(node, ast.AugAssign)
    out.append("(AugAssign")
    out.append("." + node.target.id if isinstance(node.target, Name) else "-")  # it is read as well
    return node.target, node.op, node.value


def _joined(node: ast.AST, out: list[str]) -> tuple[object, ...]:
    assert isinstance(node, ast.JoinedStr)
    out.append("(JoinedStr")  # 3.12 ends some format specifications with an empty text
    return ([part for part in node.values if not (isinstance(part, Constant) and part.value == "")],)


def _match_class(node: ast.AST, out: list[str]) -> tuple[object, ...]:
    assert isinstance(node, ast.MatchClass)
    out.append(f"(MatchClass {len(node.kwd_attrs)}")
    out += ["." + name for name in node.kwd_attrs]
    return node.cls, node.patterns, node.kwd_patterns


def _type_variable(node: ast.AST, out: list[str]) -> tuple[object, ...]:
    out += ("(" + node.__class__.__name__, "~" + getattr(node, "name", ""))
    default = getattr(node, "default_value", None)  # new in 3.13
    return (getattr(node, "bound", None), *([[default]] if default is not None else []))


_RARE: dict[type, Expand] = {
    Call: _call,
    Subscript: _subscript,
    ast.FunctionDef: _definition,
    ast.AsyncFunctionDef: _definition,
    ast.ClassDef: _definition,
    ast.arguments: _arguments,
    ast.arg: _arg,
    ast.keyword: _keyword,
    ast.alias: _alias,
    ast.ImportFrom: _import_from,
    ast.Global: _declared,
    ast.Nonlocal: _declared,
    ast.AugAssign: _augmented,
    ast.JoinedStr: _joined,
    ast.MatchClass: _match_class,
}
for _name in ("TypeVar", "ParamSpec", "TypeVarTuple"):  # new in 3.12
    if hasattr(ast, _name):
        _RARE[getattr(ast, _name)] = _type_variable


def _shapes() -> dict[type[ast.AST], tuple[str, int, Callable[[ast.AST], Any]]]:
    """For each other kind of node its tag, how many fields count, and what reads them at once."""
    found: dict[type[ast.AST], tuple[str, int, Callable[[ast.AST], Any]]] = {}
    kinds: list[type[ast.AST]] = [ast.AST]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        fields = [field for field in kind._fields if field not in _UNUSED]
        if kind not in _RARE:
            found[kind] = "(" + kind.__name__, len(fields), attrgetter(*fields or ["_fields"])
    return found


_SHAPES = _shapes()
