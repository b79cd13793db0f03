"""What code may reach without writing a name: reflection, modules handed on, names in texts.

A block of code reaches a definition by mentioning its name. Three things need no name, and are
mentions of their own:

    *       any name of any module: `globals()`, `eval`, `sys.modules`, `pickle`, ... (but `globals()["x"]`
            is a mention of `x`: see `lookups`)
    *.      any name of the very file: `globals()[name]`, with a name that only the run knows; `*.on_` if it
            begins so
    *tax    any name of a module called `tax`: the value of that name was handed on (an argument, an
            assignment, a returned value, ...), and whoever gets a module may list its names. If it was
            put into an attribute, that is who takes the attribute as a value, not who reads `x.tax.RATE`
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
from collections.abc import Container, Iterator
from typing import Any

from testcache.code.bindings import own_names
from testcache.code.flows import PARTS
from testcache.code.looks import ANY, ANYWHERE, ARGUMENTS, OWN, PARAMETRIZE, SET_CLASS, SOME, TAKEN, Look
from testcache.code.lookups import ASKERS, attributes_taken, frame_parts, keeps_frame, look_up
from testcache.code.nodes import FUNCTIONS, last_name, names_of_parameters, parameters, text_of
from testcache.code.outline import Function
from testcache.code.patches import PATCHERS, patched

_SEES_ALL = frozenset({"globals", "eval", "exec", "compile", "__annotations__"})
"""Built-in names that reach any other; attributes of that name (`re.compile`) are others."""

_NAMESPACES = frozenset({"__dict__", "__dir__", "__annotations__", "__getattribute__"})
"""Attributes by which whoever has a module may list its names."""

_WILD = frozenset(
    (  # noqa: SIM905
        "__subclasses__ __globals__ f_globals f_locals f_builtins currentframe _getframe getmodule get_objects "
        "get_referrers pickle _pickle cloudpickle dill jsonpickle joblib shelve copyreg full_load "
        "unsafe_load UnsafeLoader FullLoader module_from_spec spec_from_file_location exec_module load_module "
        "SourceFileLoader runpy run_path run_module walk_packages entry_points load_entry_point EntryPoint "
        "get_plugin getplugin loadTestsFromName loadTestsFromNames loadTestsFromModule __main__ getmembers_static"
    ).split()
)
"""Names, of a function or as attributes, by which any other name may be reached."""

_LEADS_ON = _WILD | _SEES_ALL | _NAMESPACES | {"__builtins__", "modules", "f_back"}
"""Names that lead to others also where they stand in a text: `getattr(function, "__globals__")`."""

_MODULE_IMPORTERS = frozenset({"import_module", "__import__", "importorskip"})
_IMPORTERS = _MODULE_IMPORTERS | frozenset(
    (  # noqa: SIM905
        "import_string import_object import_from_string load_object locate resolve_name symbol_by_name"
    ).split()
)
"""What gives a module, or what a text names in it."""

_DESCRIBERS = frozenset({"render_doc", "writedoc"})
"""What shows all that a module has, which may be given by a text; so does the built-in `help`."""

_BY_NAME = frozenset({"getattr", "hasattr", "setattr", "delattr", "object"})
"""Calls whose second argument is a name within the first; `object` is that of `mock.patch`."""

_QUIET = frozenset(
    {"isinstance", "issubclass", "type", "id", "repr", "str", "callable", "print", "len", "bool", "hash"}
)
_LISTERS = frozenset({"vars", "dir", "locals"})
_HANDED = _LISTERS | _IMPORTERS
"""Functions that do what they do under another name, once they are handed on."""

_MODULE, _CLASS, _FUNCTION = range(3)
_WORD = re.compile(r"[^\W\d]\w*")
_THROUGH = re.compile(r"\.([^\W\d]\w*)")
_TYPE = re.compile(r"[\w.\s,|\[\]'\"()-]{1,200}\Z")


def at_block(node: Function, tokens: Container[str]) -> Look:
    """Look at the statements of a function, which these tokens are of, and all that is inside."""
    look = Look(walrus="(NamedExpr" in tokens)
    look.own = _hidden(node, frozenset(), look)
    _look_at([(part, False, look.own, _FUNCTION) for part in node.body], look)
    return look


def at_statement(node: ast.stmt) -> Look:
    """Look at a statement of a module, without the statements of functions in it."""
    look = Look()
    _look_at([(node, False, frozenset(), _MODULE)], look)
    return look


_Step = tuple[ast.AST, bool, frozenset[str], int]
"""A node; whether its value is handed on; parameters around it; the scope it is in."""


def _look_at(stack: list[_Step], look: Look) -> None:
    node: Any  # known by the identity of its class, which is fast and no type checker follows
    while stack:
        node, handed, hidden, place = stack.pop()
        kind = node.__class__
        if kind is ast.Name:
            _name(node, handed, hidden, place, look)
        elif kind is ast.Constant:
            if isinstance(node.value, str):
                _text(node.value, look)
        elif kind is ast.Attribute:
            _attribute(node, handed, hidden, look)
            stack.append((node.value, node.attr in _NAMESPACES, hidden, place))
        elif kind not in _SPECIAL or not _is_special(node, handed, hidden, place, look, stack):
            through = kind is ast.BoolOp or kind is ast.IfExp
            for name, gives in PARTS[kind]:
                part = getattr(node, name)
                if part.__class__ is list:
                    if part:
                        give = gives and (handed if through else True)
                        stack += [(each, give, hidden, place) for each in part if isinstance(each, ast.AST)]
                elif isinstance(part, ast.AST):
                    stack.append((part, gives and (handed if through else True), hidden, place))
    if not look.frames.isdisjoint(look.given | look.declared):
        look.names.add(ANY)
    look.names.update(ANY + origin for name, origin in look.imports if name in look.declared)


def _is_special(node: Any, handed: bool, hidden: frozenset[str], place: int, look: Look, stack: list[_Step]) -> bool:
    """Look at a node of a kind in `_SPECIAL`; False if its parts are still to be looked at, as those of any other."""
    kind = node.__class__
    if kind in _LOOK_UPS and _look_up(node, handed, hidden, place, look, stack):
        return True
    if kind is ast.Call:
        _call(node, handed, hidden, place, look, stack)
    elif kind is ast.Expr and isinstance(node.value, ast.Constant):
        if isinstance(node.value.value, str):
            look.examples |= _examples(node.value.value)
    elif kind in _DEFINITIONS:
        _definition(node, hidden, place, look, stack)
    elif kind is ast.Import or kind is ast.ImportFrom:
        _import(node, look)
    elif kind in _COMPREHENSIONS:
        _comprehension(node, hidden, place, look, stack)
    elif kind is ast.Assign and _keeps(node, hidden, look):
        stack += [(target, False, hidden, place) for target in (*node.targets, node.value)]
    elif kind is ast.Assign and place == _FUNCTION and keeps_frame(node, look.frames):
        stack.append((node.value, False, hidden, place))
    elif kind is ast.Global:
        look.declared.update(node.names)
    else:
        if kind is ast.MatchClass:
            look.names.update(TAKEN + name for name in node.kwd_attrs)
            look.names.update([SOME] if node.patterns else [])  # by __match_args__
        if place == _MODULE and kind in _CAPTURES:
            name = getattr(node, "name", None) or getattr(node, "rest", None)
            look.bound += [name] if name else []
            if name and kind is ast.ExceptHandler:
                look.deleted.add(name)  # at the end of the handler
        return False
    return True


_LOOK_UPS = frozenset({ast.Subscript, ast.Call, ast.Compare, ast.BinOp})
_COMPREHENSIONS = frozenset({ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp})


def _look_up(node: ast.AST, handed: bool, hidden: frozenset[str], place: int, look: Look, stack: list[_Step]) -> bool:
    found = look_up(node)
    if found is None:
        return False
    _written(found.text, handed and found.tells, look)
    if found.own is not None:
        look.names.update((OWN + found.own, ANYWHERE))
    stack += [(part, False, hidden, place) for part in found.inside]
    stack += [(part, True, hidden, place) for part in found.given]
    return True


def _written(text: str, handed: bool, look: Look) -> None:
    """The name of an attribute or of what is in a namespace, as a text."""
    words = _WORD.findall(text)
    look.names.update(words)
    if not _LEADS_ON.isdisjoint(words):
        look.names.add(ANY)
    if handed and words and not words[-1].startswith("__"):
        look.names.update((ANY + words[-1], TAKEN + words[-1]))


def _comprehension(node: Any, hidden: frozenset[str], place: int, look: Look, stack: list[_Step]) -> None:
    inside = hidden | own_names(part.target for part in node.generators)[0]
    for number, part in enumerate(node.generators):
        stack.append((part.iter, False, inside if number else hidden, place))
        stack += [(test, False, inside, place) for test in (part.target, *part.ifs)]
    stack += [(getattr(node, name), True, inside, place) for name in ("elt", "key", "value") if hasattr(node, name)]


def _keeps(node: ast.Assign, hidden: frozenset[str], look: Look) -> bool:
    """Is it `self.tax = tax`? If that is a module, whoever takes `tax` from an object as a value may list its names."""
    value = node.value
    if not isinstance(value, ast.Name) or value.id in hidden or value.id in (*_HANDED, *ASKERS):
        return False
    if not all(isinstance(target, ast.Attribute) for target in node.targets):
        return False
    look.given.add(value.id)
    look.kept.update((target.attr, value.id) for target in node.targets)  # type: ignore[attr-defined]
    return True


def _name(node: ast.Name, handed: bool, hidden: frozenset[str], place: int, look: Look) -> None:
    name = node.id
    if isinstance(node.ctx, ast.Load):
        if name not in hidden and (name in _SEES_ALL or name in _WILD or (handed and name in _HANDED)):
            look.names.add(ANY)
        look.names.update([ARGUMENTS] if name == "argv" and name not in hidden else [])
        if handed:
            look.names.update([SOME] if name in ASKERS else [])
            look.given.add(name)
            if name not in hidden:
                look.handed.add((name, name))
    elif isinstance(node.ctx, ast.Del):
        look.deleted.add(name)
    elif place == _MODULE:
        look.bound.append(name)


def _attribute(node: ast.Attribute, handed: bool, hidden: frozenset[str], look: Look) -> None:
    name = node.attr
    if name == "__class__" and isinstance(node.ctx, ast.Store):
        look.names.add(SET_CLASS)
    elif name == "argv" and isinstance(node.value, ast.Name) and node.value.id not in hidden:
        look.names.add(ARGUMENTS)
    if name in _WILD or (handed and (name in ("module", "f_back") or name in _IMPORTERS)):
        look.names.add(ANY)
    if handed and name in ASKERS:
        look.names.add(SOME)
    holder = last_name(node.value)
    if (name in _SEES_ALL and holder in ("builtins", "__builtins__")) or (name == "load" and holder == "yaml"):
        look.names.add(ANY)
    if not handed and name != "modules":
        return
    if handed:
        _taken(node.value, name, hidden, look)
    if name == "modules":
        first = _first(node)
        if isinstance(first, ast.Name) and first.id not in hidden:
            look.listed.add(first.id)
        elif isinstance(first, ast.Call):
            look.names.add(ANY)  # __import__("sys").modules


def _taken(owner: ast.expr, name: str, hidden: frozenset[str], look: Look) -> None:
    """An attribute is handed on, which may be a module if what it is taken from is one."""
    look.names.add(TAKEN + name)
    first = _first(owner)
    if isinstance(first, ast.Name):
        if first.id not in hidden:
            look.handed.add((first.id, name))
    elif not name.startswith("__"):
        is_imported = isinstance(first, ast.Call) and last_name(first.func) in (*_IMPORTERS, "getattr")
        look.names.update([ANY + name] if is_imported or look_up(first) is not None else [])


def _first(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node


def _text(text: str, look: Look) -> None:
    look.names.update([PARAMETRIZE] if text == "parametrize" else [])
    if "import " in text or ">>> " in text or (("[" in text or "|" in text) and _TYPE.match(text)):
        look.names.update(_WORD.findall(text))
    if "{" in text:  # to be filled in: "{app.tax.RATE}", "{{ app.tax.RATE }}"
        look.names.update(_THROUGH.findall(text))


def _examples(docstring: str) -> set[str]:
    if ">>>" not in docstring:
        return set()
    words = {word for line in docstring.splitlines() if ">>>" in line or "..." in line for word in _WORD.findall(line)}
    return {*words, *(ANY + word for word in words), *(set() if _LEADS_ON.isdisjoint(words) else {ANY})}


def _call(node: ast.Call, handed: bool, hidden: frozenset[str], place: int, look: Look, stack: list[_Step]) -> None:
    function, args = node.func, node.args
    name = last_name(function)
    frame = frame_parts(node) if not handed else None
    if frame is not None:
        stack += [(part, False, hidden, place) for part in frame]
        return
    plain = isinstance(function, ast.Name)
    quiet = plain and name in _QUIET
    stack.append((function, False, hidden, place))
    for position, part in enumerate(args):
        named = position == 0 and name in _BY_NAME and len(args) > 1 and bool(text_of(args[1]))
        stack.append((part, not (quiet or named), hidden, place))
    for keyword in node.keywords:
        stack.append((keyword.value, not quiet, hidden, place))
    look.names.update(attributes_taken(name, node))
    if name in _BY_NAME and len(args) > 1:
        text = text_of(args[1])
        _written(text, False, look)
        if text and handed and name == "getattr":
            _taken(args[0], text, hidden, look)
    if name in _IMPORTERS:
        text = text_of(args[0]) if args else ""
        look.names.update(_WORD.findall(text))
        if handed or (not text and name not in _MODULE_IMPORTERS):
            look.names.add(ANY + text.rpartition(".")[2])
    elif (name in _DESCRIBERS or (name == "help" and plain)) and args:
        look.names.add(ANY + text_of(args[0]).rpartition(".")[2])
    elif name in _LISTERS and plain and not args and not node.keywords and place != _FUNCTION:
        look.names.add(ANY)
    elif name in PATCHERS:
        look.names.update(patched(node, name, plain=plain))
    elif name in _CONDITIONED:
        for part in (*args, *(keyword.value for keyword in node.keywords if keyword.arg == "condition")):
            look.names.update(_WORD.findall(text_of(part)))


_CONDITIONED = frozenset({"skipif", "xfail"})
"""Marks of pytest whose conditions may be texts that it evaluates."""


def _definition(node: ast.AST, hidden: frozenset[str], place: int, look: Look, stack: list[_Step]) -> None:
    """A function or class inside what is looked at, or a lambda."""
    if isinstance(node, ast.ClassDef):
        if place == _MODULE:
            look.bound.append(node.name)
        look.names.update(_attributes(node))
        within = _FUNCTION if place == _FUNCTION else _CLASS
        bound, others = own_names(node.body, walrus=look.walrus)  # looked for in the class, then in the module
        stack += [(part, False, hidden - bound - others, within) for part in node.body]
        stack += [(part, False, hidden, place) for part in (*node.decorator_list, *node.bases)]
        stack += [(part.value, True, hidden, place) for part in node.keywords]
    else:
        assert isinstance(node, (*FUNCTIONS, ast.Lambda))
        given = node.args
        stack += [(part, True, hidden, place) for part in (*given.defaults, *given.kw_defaults) if part]
        if isinstance(node, ast.Lambda):
            stack.append((node.body, True, hidden | names_of_parameters(given), _FUNCTION))
            return
        if place == _MODULE:
            look.bound.append(node.name)
        notes = [argument.annotation for argument in parameters(given)]
        stack += [(part, False, hidden, place) for part in (*notes, node.returns, *node.decorator_list) if part]
        if place == _FUNCTION:
            inside = _hidden(node, hidden, look)
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


def _hidden(node: Function, around: frozenset[str], look: Look) -> frozenset[str]:
    """Names that stand for no module inside a function: what they hold was handed to it, or it made it."""
    bound, others = own_names(node.body, walrus=look.walrus)
    return (around | names_of_parameters(node.args) | bound) - others


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
        renamed = alias.asname not in (None, alias.name) and alias.name in (*_IMPORTERS, *ASKERS)
        if not whole.isdisjoint(_WILD) or builtin or renamed or (module == ["sys"] and alias.name == "modules"):
            look.wild.add(name)


_DEFINITIONS = frozenset({*FUNCTIONS, ast.Lambda, ast.ClassDef})
_CAPTURES = frozenset({ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping})
_SPECIAL = (
    _LOOK_UPS
    | _COMPREHENSIONS
    | _DEFINITIONS
    | _CAPTURES
    | {ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.Global, ast.MatchClass}
)
