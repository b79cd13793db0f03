"""Look-ups by a name that is written down: `globals()["x"]` reaches `x` and no other name.

So does a text that is filled in from one: `"{x}".format(**globals())`, `"%(x)s" % vars()`. Of the file's own
namespace it may also be a name that only the run knows. Whatever else is done with one (it is listed, handed on,
kept, another's is asked for any name) is none of these, and leads to any name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from testcache.code.looks import SOME, TAKEN
from testcache.code.nodes import last_name, text_of
from testcache.structs import Struct

_FRAMES = frozenset({"_getframe", "currentframe"})
_NO_MODULES = frozenset("isclass iscoroutinefunction isfunction ismethod isroutine".split())  # noqa: SIM905
"""Questions of `inspect` to which a module is never the answer."""

ASKERS = frozenset({"getattr", "attrgetter", "getmembers"})
"""Functions that give the values of attributes, of whatever name once they are handed on."""

_BY_PLACE = re.compile(r"(?<!%)(?:%%)*%(?![(%])")
"""In a text that `%` fills in: what is not asked for by name, and so may be the namespace with all that it has."""

_LOOKING_UP = frozenset({"getattr", "get", "format", "format_map"})
_NAMESPACES = frozenset({"__dict__", "__globals__", "f_globals", "f_locals", "modules"})


class LookUp(Struct, frozen=True):
    """One look-up.

    Attributes:
        text: the name, "" if any name is asked for and only whether it is there.
        inside: what is looked into.
        given: expressions whose values may be the result instead.
        tells: whether the result is the value of that name.
        own: what the name begins with, if it is one of the very file that only the run knows.
    """

    text: str
    inside: tuple[ast.expr, ...]
    given: tuple[ast.expr, ...] = ()
    tells: bool = True
    own: str | None = None


def look_up(node: ast.AST) -> LookUp | None:
    """`ns["x"]`, `ns.get("x", default)` or `"x" in ns`, where `ns` is a namespace; `x in sys.modules`.

    So is `"{x}".format(**ns)`, `"{x}".format_map(ns)` or `"%(x)s" % ns`: the text tells all the names.
    Of the file's own one, `globals()`, also with a name that only the run knows; so with
    `getattr(sys.modules[__name__], name)`.
    """
    if isinstance(node, ast.Call) and last_name(node.func) not in _LOOKING_UP:
        return None  # nearly all calls, at once
    match node:
        case ast.Call(func=ast.Name(id="getattr"), args=[owner, key, *given], keywords=[]) if _is_own_module(owner):
            if any(isinstance(part, ast.Starred) for part in (key, *given)):
                return None
            return LookUp(text_of(key), (key,), tuple(given), own=None if text_of(key) else _beginning(key))
        case ast.Subscript(value=holder, slice=ast.Constant(value=str(text)), ctx=ast.Load()):
            inside = _namespace(holder)
            return LookUp(text, inside) if inside is not None else None
        case ast.Subscript(value=holder, slice=key, ctx=ast.Load()) if _is_globals(holder):
            return LookUp("", (key,), own=_beginning(key))
        case ast.Call(func=ast.Attribute(value=holder, attr="get"), args=[key, *given], keywords=[]) if text_of(key):
            inside = _namespace(holder)
            starred = any(isinstance(part, ast.Starred) for part in given)
            return LookUp(text_of(key), inside, tuple(given)) if inside is not None and not starred else None
        case ast.Call(func=ast.Attribute(value=holder, attr="get"), args=[key, *given], keywords=[]):
            starred = any(isinstance(part, ast.Starred) for part in (key, *given))
            if not _is_globals(holder) or starred:
                return None
            return LookUp("", (key,), tuple(given), own=_beginning(key))
        case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[holder]):
            inside = _namespace(holder)
            if inside is None:
                return None
            if text_of(key):
                return LookUp(text_of(key), inside, tells=False)
            if _is_globals(holder):
                return LookUp("", (key,), tells=False, own=_beginning(key))
            named = isinstance(holder, ast.Attribute) and holder.attr == "modules"
            return LookUp("", (key, *inside), tells=False) if named else None
        case ast.BinOp(left=ast.Constant(value=str(text)) as pattern, op=ast.Mod(), right=holder) if (
            not _BY_PLACE.search(text)
        ):
            inside = _namespace(holder)
            return LookUp(text, (pattern, *inside), tells=False) if inside is not None else None
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str(text)) as pattern, attr="format_map"), args=[holder]
        ):
            inside = _namespace(holder)
            return LookUp(text, (pattern, *inside), tells=False) if inside is not None else None
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)) as pattern, attr="format")):
            return _filled_in(text, pattern, node)
    return None


def _filled_in(text: str, pattern: ast.Constant, node: ast.Call) -> LookUp | None:
    """`text.format(..., **ns)`, None if no namespace is among what it is given."""
    inside: list[ast.expr] = [pattern]
    given = list(node.args)
    for keyword in node.keywords:
        spread = _namespace(keyword.value) if keyword.arg is None else None
        if spread is None:
            given.append(keyword.value)
        else:
            inside += spread
    return (
        LookUp(text, tuple(inside), tuple(given), tells=False)
        if len(given) < len(node.args) + len(node.keywords)
        else None
    )


def _beginning(key: ast.expr) -> str:
    """The text that a name put together begins with: `f"_{name}"`, `"on_" + event`."""
    if isinstance(key, ast.JoinedStr):
        return text_of(key.values[0]) if key.values else ""
    if isinstance(key, ast.BinOp) and isinstance(key.op, ast.Add):
        return text_of(key.left) or _beginning(key.left)
    return ""


def _is_own_module(node: ast.expr) -> bool:
    return isinstance(node, ast.Subscript) and ast.unparse(node) == "sys.modules[__name__]"


def _is_globals(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node) == "globals()"


def _namespace(node: ast.expr) -> tuple[ast.expr, ...] | None:
    """What the namespace is of, None if it is none."""
    match node:
        case ast.Call(func=ast.Name(id="globals" | "locals" | "vars"), args=[], keywords=[]):
            return ()
        case ast.Call(func=ast.Name(id="vars"), args=[owner], keywords=[]):
            return (owner,)
        case ast.Attribute(value=owner, attr=name) if name in _NAMESPACES:
            return (owner,) if name != "modules" or isinstance(owner, ast.Name) else None
    return None


def attributes_taken(name: str, node: ast.Call) -> Iterator[str]:
    """Mentions of the attributes of which a call of that name gives the values, or copies what these have."""
    match name:
        case "getattr" if len(node.args) < 2 or not text_of(node.args[1]):
            yield SOME
        case "attrgetter":
            yield from (TAKEN + text_of(part).rpartition(".")[2] if text_of(part) else SOME for part in node.args)
        case "object" if len(node.args) > 1:
            yield TAKEN + text_of(node.args[1])  # `mock.patch.object(app, "tax", autospec=True)`
        case "getmembers":
            wanted = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
            if not wanted or not all(last_name(part) in _NO_MODULES for part in wanted):
                yield SOME


def is_frame(node: ast.expr) -> bool:
    """Is it `sys._getframe(n)`, `inspect.currentframe()` or the frame before another one?"""
    return _is_asked(node) or (isinstance(node, ast.Attribute) and node.attr == "f_back")


def frame_parts(node: ast.Call) -> tuple[ast.expr, ...] | None:
    """What is evaluated to get a frame, None if the call gives something else."""
    if not _is_asked(node):
        return None
    return (node.func.value, *node.args) if isinstance(node.func, ast.Attribute) else (*node.args,)


def _is_asked(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) in _FRAMES and not node.keywords


def keeps_frame(node: ast.AST, frames: set[str]) -> bool:
    """Does it put a frame into a variable? That is added to `frames`; what is done with it is seen where it is done."""
    if not isinstance(node, ast.Assign) or not is_frame(node.value):
        return False
    names = [target.id for target in node.targets if isinstance(target, ast.Name)]
    frames.update(names)
    return len(names) == len(node.targets)
