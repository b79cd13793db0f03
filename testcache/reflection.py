"""What code may reach without writing a name: reflection, modules handed on, names in texts.

A block of code reaches a definition by mentioning its name. Three things need no name, and are
mentions of their own:

    *       any name of any module: `globals()`, `eval`, `sys.modules`, `pickle`, ...
    *tax    any name of a module called `tax`: the value of that name was handed on (an argument, an
            assignment, a returned value, ...), and whoever gets a module may list its names
    RATE    a name inside a text that is code or a type: "import shop; shop.RATE", "list[Rate]"

So `getattr(tax, name)` with a name that only the run knows mentions `*tax`, and `getattr(self, name)`
mentions nothing more than `self`: a class counts as one, whichever of its attributes is wanted. What
got a module by parameter may list its names too; the code that handed it over has mentioned that.

Does not see: a module that only a library's code returns (`app.module()`); a name put together from
pieces for `mock.patch`, if its last piece is a text of its own somewhere else.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from testcache.nodes import FUNCTIONS, last_name, text_of
from testcache.outline import Function

ANY = "*"
"""Stands for every name."""

_SEES_ALL = frozenset({"globals", "eval", "exec", "compile", "__annotations__"})
"""Built-in names that reach any other; attributes of that name (`re.compile`) are others."""

_NAMESPACES = frozenset({"__dict__", "__dir__", "__annotations__", "__getattribute__"})
"""Attributes by which whoever has a module may list its names."""

_WILD = frozenset(
    (  # noqa: SIM905
        "__subclasses__ __globals__ f_globals f_locals currentframe _getframe getmodule get_objects get_referrers "
        "pickle _pickle cloudpickle dill jsonpickle joblib shelve copyreg full_load unsafe_load UnsafeLoader "
        "FullLoader module_from_spec spec_from_file_location exec_module load_module SourceFileLoader runpy "
        "run_path run_module walk_packages entry_points load_entry_point EntryPoint get_plugin getplugin "
        "loadTestsFromName loadTestsFromNames loadTestsFromModule __main__ getmembers_static"
    ).split()
)
"""Names, of a function or as attributes, by which any other name may be reached."""

_MODULE_IMPORTERS = frozenset({"import_module", "__import__", "importorskip"})
_IMPORTERS = _MODULE_IMPORTERS | frozenset(
    (  # noqa: SIM905
        "import_string import_object import_from_string load_object locate resolve_name symbol_by_name"
    ).split()
)
"""What gives a module, or what a text names in it."""

_BY_NAME = frozenset({"getattr", "hasattr", "setattr", "delattr", "object"})
"""Calls whose second argument is a name within the first; `object` is that of `mock.patch`."""

_QUIET = frozenset(
    {"isinstance", "issubclass", "type", "id", "repr", "str", "callable", "print", "len", "bool", "hash"}
)
_LISTERS = frozenset({"vars", "dir", "locals"})
_HANDED = _LISTERS | _IMPORTERS
"""Functions that do what they do under another name, once they are handed on."""

_SPECS = frozenset({"autospec", "spec", "spec_set", "wraps"})
_MODULE, _CLASS, _FUNCTION = range(3)
_WORD = re.compile(r"[^\W\d]\w*")
_TYPE = re.compile(r"[\w.\s,|\[\]'\"()-]{1,200}\Z")


@dataclass(slots=True)
class Look:
    """What was found in some code of a file, before it is known what the file imports.

    Attributes:
        names: mentions that need nothing more.
        handed: (first, last) name of each value of that shape that is handed on: `a.b.c` is (a, c).
        listed: first names of `a.modules`.
        declared, deleted: names in `global` statements, and in `del` statements.
        bound: each name as often as module-level code binds it, other than by import.
        imports: (name, what it stands for) of each import anywhere.
        star: whether module-level code imports all names of another module.
        wild: names that stand for something by which any name may be reached.
    """

    names: set[str] = field(default_factory=set)
    handed: set[tuple[str, str]] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    declared: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    bound: list[str] = field(default_factory=list)
    imports: list[tuple[str, str]] = field(default_factory=list)
    star: bool = False
    wild: set[str] = field(default_factory=set)


class Imported:
    """What names stand for in one file, from the looks at all of its code."""

    def __init__(self, looks: Iterable[Look]) -> None:
        self.star = False
        self._wild: set[str] = set()
        self._origins: dict[str, set[str]] = {}
        for look in looks:
            self.star = self.star or look.star
            self._wild |= look.wild
            for name, origin in look.imports:
                self._origins.setdefault(name, set()).add(origin)

    def mentions(self, look: Look, read: Iterable[str]) -> set[str]:
        """The further mentions of code that was looked at and that reads these names."""
        found = set(look.names)
        if not self._wild.isdisjoint(read):
            found.add(ANY)
        for first, last in look.handed:
            if first in self._origins:
                found.update(ANY + name for name in (self._origins[first] if first == last else (last,)))
            elif self.star:
                found.add(ANY + last)
        if any(first == "sys" or "sys" in self._origins.get(first, ()) for first in look.listed):
            found.add(ANY)
        return found

    @property
    def renamed(self) -> dict[str, frozenset[str]]:
        """What stands behind a name that was imported under another: who mentions it mentions that."""
        pairs = ((name, origins - {name}) for name, origins in self._origins.items())
        return {name: frozenset(origins) for name, origins in pairs if origins}


def at_block(node: Function) -> Look:
    """Look at the statements of a function and all that is inside."""
    return _looked([(part, False, _parameters(node.args), _FUNCTION) for part in node.body])


def at_statement(node: ast.stmt) -> Look:
    """Look at a statement of a module, without the statements of functions in it."""
    return _looked([(node, False, frozenset(), _MODULE)])


_Step = tuple[ast.AST, bool, frozenset[str], int]
"""A node; whether its value is handed on; parameters around it; the scope it is in."""


def _looked(stack: list[_Step]) -> Look:
    look = Look()
    while stack:
        node, handed, hidden, place = stack.pop()
        kind = node.__class__
        if kind is ast.Name:
            assert isinstance(node, ast.Name)
            _name(node, handed, hidden, place, look)
        elif kind is ast.Constant:
            assert isinstance(node, ast.Constant)
            if isinstance(node.value, str):
                _text(node.value, look)
        elif kind is ast.Attribute:
            assert isinstance(node, ast.Attribute)
            _attribute(node, handed, hidden, look)
            stack.append((node.value, node.attr in _NAMESPACES, hidden, place))
        elif kind is ast.Call:
            assert isinstance(node, ast.Call)
            _call(node, handed, hidden, place, look, stack)
        elif kind is ast.Expr and isinstance(node.value, ast.Constant):  # type: ignore[attr-defined]
            continue  # a docstring: who runs its examples hands the module on
        elif kind in _DEFINITIONS:
            _definition(node, hidden, place, look, stack)
        elif kind is ast.Import or kind is ast.ImportFrom:
            assert isinstance(node, ast.Import | ast.ImportFrom)
            _import(node, look)
        elif kind is ast.Global:
            assert isinstance(node, ast.Global)
            look.declared.update(node.names)
        else:
            if place == _MODULE and kind in _CAPTURES:
                name = getattr(node, "name", None) or getattr(node, "rest", None)
                look.bound += [name] if name else []
                if name and kind is ast.ExceptHandler:
                    look.deleted.add(name)  # at the end of the handler
            through = kind is ast.BoolOp or kind is ast.IfExp
            for name, gives in _PARTS[kind]:
                part = getattr(node, name)
                give = gives and (handed if through else True)
                if part.__class__ is list:
                    stack += [(each, give, hidden, place) for each in part if isinstance(each, ast.AST)]
                elif isinstance(part, ast.AST):
                    stack.append((part, give, hidden, place))
    return look


def _name(node: ast.Name, handed: bool, hidden: frozenset[str], place: int, look: Look) -> None:
    name = node.id
    if isinstance(node.ctx, ast.Load):
        if name in _SEES_ALL or name in _WILD or (handed and name in _HANDED):
            look.names.add(ANY)
        if handed and name not in hidden:
            look.handed.add((name, name))
    elif isinstance(node.ctx, ast.Del):
        look.deleted.add(name)
    elif place == _MODULE:
        look.bound.append(name)


def _attribute(node: ast.Attribute, handed: bool, hidden: frozenset[str], look: Look) -> None:
    name = node.attr
    if name in _WILD or (handed and (name == "module" or name in _IMPORTERS)):
        look.names.add(ANY)
    holder = last_name(node.value)
    if (name in _SEES_ALL and holder in ("builtins", "__builtins__")) or (name == "load" and holder == "yaml"):
        look.names.add(ANY)
    if not handed and name != "modules":
        return
    first: ast.expr = node
    while isinstance(first, ast.Attribute):
        first = first.value
    if isinstance(first, ast.Name) and first.id not in hidden:
        if handed:
            look.handed.add((first.id, name))
        if name == "modules":
            look.listed.add(first.id)
    elif name == "modules" and isinstance(first, ast.Call):
        look.names.add(ANY)  # __import__("sys").modules


def _text(text: str, look: Look) -> None:
    code = "import " in text or ">>> " in text
    if code or (("[" in text or "|" in text) and _TYPE.match(text)):
        look.names.update(_WORD.findall(text))


def _call(node: ast.Call, handed: bool, hidden: frozenset[str], place: int, look: Look, stack: list[_Step]) -> None:
    function, args = node.func, node.args
    name = last_name(function)
    plain = isinstance(function, ast.Name)
    quiet = plain and name in _QUIET
    stack.append((function, False, hidden, place))
    for position, part in enumerate(args):
        named = position == 0 and name in _BY_NAME and len(args) > 1 and bool(text_of(args[1]))
        stack.append((part, not (quiet or named), hidden, place))
    for keyword in node.keywords:
        stack.append((keyword.value, not quiet, hidden, place))
    if name in _BY_NAME and len(args) > 1:
        look.names.update(_WORD.findall(text_of(args[1])))
    if name in _IMPORTERS:
        text = text_of(args[0]) if args else ""
        look.names.update(_WORD.findall(text))
        if handed or (not text and name not in _MODULE_IMPORTERS):
            look.names.add(ANY + text.rpartition(".")[2])
    elif name in _LISTERS and plain and not args and not node.keywords and place != _FUNCTION:
        look.names.add(ANY)
    elif name in _PATCHERS:
        _patch(node, name, plain, look)


_PATCHERS = frozenset({"patch", "multiple", "setattr", "delattr", "create_autospec"})


def _patch(node: ast.Call, name: str, plain: bool, look: Look) -> None:
    """`mock.patch` and alike find what they replace by a text, and may copy the names of a module."""
    keywords = {keyword.arg or "": keyword.value for keyword in node.keywords}
    target = node.args[0] if node.args else keywords.get("target")
    text = text_of(target)
    look.names.update(_WORD.findall(text))
    if name == "multiple":
        look.names.update(filter(None, keywords))
    if (text and not _SPECS.isdisjoint(keywords)) or (name == "multiple" and "" in keywords):
        look.names.add(ANY + text.rpartition(".")[2])
    if name == "patch":  # an HTTP client has a method of that name
        by_text = plain or last_name(getattr(node.func, "value", node)).endswith(("mock", "mocker"))
    elif name in ("setattr", "delattr"):
        by_text = not plain and len(node.args) == (2 if name == "setattr" else 1)
    else:
        by_text = name == "multiple" and isinstance(target, ast.JoinedStr | ast.BinOp)
    if by_text and target is not None and not isinstance(target, ast.Constant) and not _ends_in_text(target):
        look.names.add(ANY)


def _ends_in_text(node: ast.expr) -> bool:
    """Is it something put together whose last name is written down, as in f"{MODULE}.RATE"?"""
    last: ast.expr | None = None
    if isinstance(node, ast.JoinedStr):
        last = node.values[-1] if node.values else None
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        last = node.right
    return text_of(last).startswith(".")


def _definition(node: ast.AST, hidden: frozenset[str], place: int, look: Look, stack: list[_Step]) -> None:
    """A function or class inside what is looked at, or a lambda."""
    if isinstance(node, ast.ClassDef):
        if place == _MODULE:
            look.bound.append(node.name)
        look.names.update(_attributes(node))
        within = _FUNCTION if place == _FUNCTION else _CLASS
        stack += [(part, False, hidden, within) for part in node.body]
        stack += [(part, False, hidden, place) for part in (*node.decorator_list, *node.bases)]
        stack += [(part.value, True, hidden, place) for part in node.keywords]
    else:
        assert isinstance(node, (*FUNCTIONS, ast.Lambda))
        given = node.args
        stack += [(part, True, hidden, place) for part in (*given.defaults, *given.kw_defaults) if part]
        if isinstance(node, ast.Lambda):
            stack.append((node.body, True, hidden | _parameters(given), _FUNCTION))
            return
        if place == _MODULE:
            look.bound.append(node.name)
        notes = [argument.annotation for argument in _arguments(given)]
        stack += [(part, False, hidden, place) for part in (*notes, node.returns, *node.decorator_list) if part]
        if place == _FUNCTION:
            inside = hidden | _parameters(given)
            stack += [(part, False, inside, _FUNCTION) for part in node.body]
    stack += [(part, False, hidden, place) for part in getattr(node, "type_params", None) or ()]


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    """Modules that are imported in a class: they are attributes of it, as if handed on."""
    pending: list[ast.AST] = [*node.body]
    while pending:
        part = pending.pop()
        if isinstance(part, ast.Import | ast.ImportFrom):
            for alias in part.names:
                yield ANY + (alias.name.rpartition(".")[2] if alias.asname else alias.name.partition(".")[0])
        elif isinstance(part, ast.If | ast.Try | ast.With | ast.ExceptHandler):
            pending += ast.iter_child_nodes(part)


def _arguments(given: ast.arguments) -> list[ast.arg]:
    extra = [argument for argument in (given.vararg, given.kwarg) if argument]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *extra]


def _parameters(given: ast.arguments) -> frozenset[str]:
    return frozenset(argument.arg for argument in _arguments(given))


def _import(node: ast.Import | ast.ImportFrom, look: Look) -> None:
    module = (node.module or "").split(".") if isinstance(node, ast.ImportFrom) else []
    for alias in node.names:
        if alias.name == "*":
            look.star = True
            continue
        first, _, rest = alias.name.partition(".")
        name = alias.asname or first
        origin = alias.name.rpartition(".")[2] if alias.asname else first
        look.imports.append((name, origin))
        whole = {*module, first, *rest.split(".")}
        builtin = module == ["builtins"] and alias.name in _SEES_ALL
        renamed = alias.asname not in (None, alias.name) and alias.name in _IMPORTERS
        if not whole.isdisjoint(_WILD) or builtin or renamed or (module == ["sys"] and alias.name == "modules"):
            look.wild.add(name)


_DEFINITIONS = (*FUNCTIONS, ast.Lambda, ast.ClassDef)
_CAPTURES = (ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping)
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


_PARTS = _parts()
