"""Functions that do nothing but answer: what they are asked can be asked again, and nobody can tell that it was.

`pytest_ignore_collect` decides which files are collected, and decides it again in each run. If that is all it does, no
test rests on it. All is decided on the safe side: what is not known to change nothing may change something.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set
from itertools import chain

from testcache.code.definitions import IMPORT
from testcache.code.nodes import is_text
from testcache.model import Defined

_FUNCTIONS = frozenset(
    "abs all any bool float frozenset int isinstance len list max min set sorted str tuple".split()  # noqa: SIM905
)
_IMPORTED = frozenset(["Path", "PurePath", "PurePosixPath", "fnmatch", "fnmatchcase", "getenv"])
"""Names of the standard library that are called as they are."""

_METHODS = frozenset(
    (  # noqa: SIM905
        "startswith endswith lower upper casefold split rsplit partition rpartition strip lstrip rstrip join "
        "removeprefix removesuffix isdigit find count search match fullmatch group groups groupdict findall "
        "exists is_file is_dir joinpath relative_to is_relative_to resolve absolute as_posix with_suffix with_name "
        "basename dirname abspath splitext normpath realpath relpath isfile isdir fnmatch fnmatchcase "
        "get items keys values getoption getini getenv Path PurePath PurePosixPath"
    ).split()
)
"""Methods of texts, patterns, paths, tables and pytest's configuration, and functions of modules; not `replace`, which
renames a file if it is a path's."""

_ATTRIBUTES = frozenset(
    (  # noqa: SIM905
        "name stem suffix suffixes parts parent parents path config rootpath rootdir inipath invocation_params dir "
        "args environ version_info platform implementation maxsize basename dirname purebasename ext strpath sep major "
        "minor"
    ).split()
)
"""What paths, pytest's configuration and modules of the standard library have; behind another name a project may have
put an object of its own, which does what it likes."""

_STATEMENTS = (ast.Expr, ast.Assign, ast.AnnAssign, ast.If, ast.For, ast.Return, ast.Pass)
_EXPRESSIONS = (
    ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.BinOp, ast.BoolOp, ast.UnaryOp, ast.Compare,
    ast.IfExp, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.JoinedStr, ast.FormattedValue, ast.Starred, ast.Call,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension, ast.keyword,
)  # fmt: skip
_PLAIN = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)
_VALUE, _OBJECT = "value", "object"
"""The forms of constants; of one that is no plain value (a pattern, a list, an iterator) only methods are called."""


def only_answers(data: bytes, name: str, definitions: Mapping[str, Defined]) -> bool:
    """Whether the function of that name in a file, with these definitions, does nothing but answer.

    It may be handed what pytest and the standard library make, and use constants of the file and imports of the
    standard library. Cost: `ast.parse`.
    """
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    everything = [*ast.walk(tree)]
    bound = {*chain.from_iterable(map(_bound, everything))}
    found = [node for node in tree.body if getattr(node, "name", None) == name]
    match found:
        case [ast.FunctionDef(decorator_list=[]) as function] if "*" not in bound:
            given = function.args
            if given.defaults or given.vararg or given.kwarg or any(given.kw_defaults):
                return False
            return _Judge(function, bound, definitions).is_harmless()
    return False


class _Judge:
    def __init__(self, function: ast.FunctionDef, bound: Set[str], definitions: Mapping[str, Defined]) -> None:
        self._nodes = [node for statement in function.body for node in ast.walk(statement)]
        self._asked = {id(node.func.value) for node in self._nodes
                       if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}  # fmt: skip
        self._called = {id(node.func) for node in self._nodes if isinstance(node, ast.Call)}
        self._bound = bound
        self._definitions = definitions
        given = function.args
        self._own = {one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
        self._own |= {node.id for node in self._nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}

    def is_harmless(self) -> bool:
        """Whether nothing in it can change anything but its own variables."""
        return all(map(self._is_fine, self._nodes))

    def _is_fine(self, node: ast.AST) -> bool:
        match node:
            case ast.Call(func=ast.Name(id=name)):
                return (name in _FUNCTIONS and name not in self._bound) or (
                    name in _IMPORTED and name not in self._own and self._form(name) == IMPORT
                )
            case ast.Call(func=ast.Attribute(attr=name)):
                return name in _METHODS
            case ast.Call():
                return False
            case ast.Name(id=name):
                if name in self._own:
                    return True
                form = self._form(name)
                known = form in (IMPORT, _VALUE) or (form == _OBJECT and id(node) in self._asked)
                return known or (name in _FUNCTIONS and name not in self._bound)
            case ast.Attribute(attr=name, ctx=ast.Load()):
                return name in _ATTRIBUTES or (name in _METHODS and id(node) in self._called)
            case ast.Attribute():
                return False
            case ast.Subscript():
                return isinstance(node.ctx, ast.Load)
            case ast.Expr():
                return is_text(node.value)
        return isinstance(node, (*_STATEMENTS, *_EXPRESSIONS, *_PLAIN))

    def _form(self, name: str) -> str:
        one = self._definitions.get(name)
        return one.form if one is not None else ""


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a node binds, whatever scope that is in."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in aliases)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.Global(names=names):
            yield from names
