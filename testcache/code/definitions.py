"""The body of a file split in two: definitions that stand for themselves, and the rest.

A *definition* binds plain names of the module, once, and making it has no effect and cannot fail: a
function, a constant, a class (see `evaluation` and `classes`), an import of what is loaded anyway (see
`settled`), the docstring. Nobody can tell that it is there but by its name, so an edit to it concerns
only who may reach that name. The *rest* runs when the file is imported, in order, and concerns
everybody who imports it. What stands below `if TYPE_CHECKING:` never runs; it counts under that name.
What stands below `if __name__ == "__main__":` runs if the file is a program; it is a block of that name.

What a definition needs is kept in the rest, so that an import which would fail now changes the rest:

- each name in it is surely bound before it; a definition that stands too early is rest;
- each guard (an attribute of something imported) is listed with the first place where it is needed;
- names that other import statements want from other files are listed in `imported`: who rests on this file
  is concerned if one of them appears, goes, moves, or becomes another sort of thing.

The *place* of a definition is the number of statements of the rest before it: one that moves past an
import or a call may be missing when that runs.

Nothing is split in a file that imports all names of another, which may rebind any of its own.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator

from testcache.code import openness, origins, settled
from testcache.code.calls import constant_text
from testcache.code.classes import Classes
from testcache.code.decorators import is_sure_function
from testcache.code.evaluation import Surroundings
from testcache.code.looks import Look
from testcache.code.nodes import is_text, runs_as_program, text_of
from testcache.code.outline import Outline, Part
from testcache.code.sorts import HASHABLE, UNKNOWN
from testcache.structs import Struct, field

_WORD = re.compile(r"[^\W\d]\w*")
_MANGLED = re.compile(r"_[^\W_]\w*__\w*(?<!__)\Z")
"""What a name such as `__rate` inside a class may stand for."""

_DUNDERS = frozenset(
    "__version__ __author__ __license__ __copyright__ __email__ __title__ __url__ __all__".split()  # noqa: SIM905
)
_WANTED_BY_PYTEST = frozenset(
    (  # noqa: SIM905
        "setup teardown setup_module teardown_module setup_function teardown_function setup_method setUpModule "
        "tearDownModule load_tests collect_ignore collect_ignore_glob"
    ).split()
)
"""Names that pytest or unittest look for in a test module."""


IMPORT, IDLE = "import", "idle"
"""The forms of an import, and of statements that do nothing."""

PROGRAM = "__main__"
"""The form, and the name, of what an import passes over and a program runs."""


class Split(Struct, frozen=True):
    """How the statements of a module divide.

    Attributes:
        definitions: statement, the names it counts under, its form and its place.
        guards: what the definitions need of imported names, each with the first place.
        needed: names whose definitions, in other files, a guard rests on: `Level` for `Level.LOW`, which
            would be missing if the class lost it.
        imported: names that import statements and guards want from other files.
        imports: where each name that only imports bind is from.
        above: for each statement of the module (by its first token) the definitions before it.
    """

    definitions: tuple[tuple[Part, tuple[str, ...], str, int], ...] = ()
    guards: tuple[tuple[str, int], ...] = ()
    needed: frozenset[str] = frozenset()
    imported: frozenset[str] = frozenset()
    imports: dict[str, str] = field(default_factory=dict)
    above: dict[int, frozenset[str]] = field(default_factory=dict)

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Where the tokens of definitions are in the outline's body."""
        return [(part.start, part.end) for part, *_ in self.definitions]


def split(outline: Outline, looks: list[Look], declared: set[str], alone: Container[str], *, collected: bool) -> Split:
    """Divide a module.

    Args:
        outline: the file.
        looks: what was seen at each of `outline.parts`.
        declared: names that any code of the file declares global or deletes.
        alone: blocks that are separable, and so neither definitions nor rest.
        collected: whether pytest looks for tests and hooks in the file.
    """
    bound: Counter[str] = Counter(name for look in looks for name in look.bound)
    others = frozenset(bound)
    known = origins.trace(outline, bound)
    if known is None:
        return Split(imported=frozenset(_imported(outline.imports)))
    imports = frozenset(bound) - others - declared
    sorts: dict[str, str] = {}
    around = Surroundings(known, sorts, imports, lazy=_is_lazy(outline))
    classes = Classes()
    found: list[tuple[Part, tuple[str, ...], str, int]] = []
    guards: dict[str, int] = {}
    above: dict[int, frozenset[str]] = {}
    names_so_far: frozenset[str] = frozenset()
    place = 0
    overloads = _overloads(outline)
    for part in outline.parts:
        above[part.start] = names_so_far
        if getattr(part.node, "name", None) in alone:
            sorts[part.node.name] = UNKNOWN  # type: ignore[attr-defined]
            continue
        aside = _aside(part.node, around)
        if aside:
            form = PROGRAM if aside == PROGRAM else IDLE
            form = "value" if aside == "__doc__" and part is outline.parts[0] else form
            found.append((part, (aside,), form, place))
            continue
        names = _names(part.node)
        around.guards = set()
        form = ""
        once = overloads.get(names[0], 1) if names else 0
        if names and all(bound[n] == once and n not in declared and _is_free(n, part.node, collected) for n in names):
            form = _judge(part.node, names, around, classes)
        if form:
            found.append((part, names, form, place))
            names_so_far |= frozenset(names)
            for guard in around.guards:
                guards.setdefault(guard, place)
        else:
            place += 1
            sorts.update(dict.fromkeys(_surely_bound([part.node]) - declared, UNKNOWN))
    unrun = {id(node) for part, _, form, _ in found if form in (IDLE, PROGRAM) for node in ast.walk(part.node)}
    imported = _imported(statement for statement in outline.imports if id(statement) not in unrun)
    wanted = {name for guard in guards for name in _WORD.findall(guard)}
    needed = frozenset(name for guard in guards for name in _needed(guard))
    places = known.imported | known.relative
    return Split(tuple(found), tuple(sorted(guards.items())), needed, frozenset(imported) | wanted, places, above)


def _needed(guard: str) -> list[str]:
    """All names of a guard, but for the last of a plain path: that one has to be there, no more."""
    names = _WORD.findall(guard)
    return names if guard[0] == "#" or "[" in guard else names[:-1]


def _imported(statements: Iterable[ast.Import | ast.ImportFrom]) -> Iterator[str]:
    for statement in statements:
        if settled.is_settled(statement):
            continue
        if isinstance(statement, ast.ImportFrom) and statement.module:
            yield from statement.module.split(".")
        for alias in statement.names:
            yield from alias.name.split(".")


def _is_lazy(outline: Outline) -> bool:
    return any(
        isinstance(statement, ast.ImportFrom)
        and statement.module == "__future__"
        and any(alias.name == "annotations" for alias in statement.names)
        for statement in outline.imports
    )


def _overloads(outline: Outline) -> dict[str, int]:
    """Names of functions that are overloaded, with the number of `def`s, all next to each other.

    One of them may turn out to be none of a definition; the others then keep to their names, which is
    sound: nothing runs between them.
    """
    found: dict[str, int] = {}
    before = ""
    for part in outline.parts:
        name = part.node.name if isinstance(part.node, ast.FunctionDef | ast.AsyncFunctionDef) else ""
        if name and name == before:
            found[name] = found.get(name, 1) + 1
        elif name in found:
            found[name] = 0  # apart from the others
        before = name
    return found


def _aside(node: ast.stmt, around: Surroundings) -> str:
    """The name that a statement counts under which does nothing in an import.

    That is a text, or `if TYPE_CHECKING:` or `if __name__ == "__main__":`, both without `else`.
    """
    if runs_as_program(node):
        return "" if around.origins.bound["__name__"] else PROGRAM
    if isinstance(node, ast.Expr) and is_text(node.value):
        return "" if around.origins.bound["__doc__"] or _UNCHANGED in text_of(node.value) else "__doc__"
    if not isinstance(node, ast.If) or node.orelse or not isinstance(node.test, ast.Name | ast.Attribute):
        return ""
    first = node.test if isinstance(node.test, ast.Name) else node.test.value
    sure = isinstance(first, ast.Name) and first.id in around.imports and first.id in around.sorts
    return "TYPE_CHECKING" if sure and around.origins.dotted(node.test) == "typing.TYPE_CHECKING" else ""


def _names(node: ast.stmt) -> tuple[str, ...]:
    """The plain names that a statement binds, if it is of a kind that may be a definition."""
    match node:
        case ast.Import() | ast.ImportFrom():
            return tuple(name for name, _ in settled.bindings(node)) if settled.is_settled(node) else ()
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return (node.name,)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return (name,)
        case ast.Assign():
            names: list[str] = []
            for target in node.targets:
                parts = target.elts if isinstance(target, ast.Tuple) else [target]
                if isinstance(target, ast.Tuple) and not _unpacks(node.value, len(parts)):
                    return ()
                for part in parts:
                    if not isinstance(part, ast.Name):
                        return ()
                    names.append(part.id)
            return tuple(names)
    return ()


def _unpacks(value: ast.expr, count: int) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "range":
        return [getattr(part, "value", None) for part in value.args] == [count]
    plain = isinstance(value, ast.Tuple) and not any(isinstance(part, ast.Starred) for part in value.elts)
    return plain and len(value.elts) == count  # type: ignore[attr-defined]


def _is_free(name: str, node: ast.stmt, collected: bool) -> bool:
    """Does no tool and no rule of Python look for a name like that?"""
    if name.startswith("__"):
        return name in _DUNDERS
    if (name.startswith("pytest") and name != "pytest") or _MANGLED.match(name):
        return False
    tested = collected and name.lower().startswith("test") and isinstance(node, _OBJECTS)
    return name not in _WANTED_BY_PYTEST and not tested  # the setting python_files may name any file


_UNCHANGED = "PYTEST_DONT_REWRITE"
"""A text by which pytest leaves the assertions of a module as they are."""

_OBJECTS = (ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom)
"""Statements that may give another name to something that is a test by then."""


def _judge(node: ast.stmt, names: tuple[str, ...], around: Surroundings, classes: Classes) -> str:
    """The form of a definition, "" if it is none; what it binds is known from here on."""
    try:
        match node:
            case ast.Import() | ast.ImportFrom():
                around.sorts.update(dict.fromkeys(names, UNKNOWN))
                return IMPORT
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if not is_sure_function(node, around):
                    return ""
                around.sorts[node.name] = "function"
                return "function"
            case ast.ClassDef():
                facts = classes.judge(node, around)
                if facts is None:
                    return ""
                classes.known[node.name] = facts
                around.members[node.name] = facts.names
                if facts.parameters:
                    around.generics[node.name] = facts.parameters
                if classes.is_idle(node, facts, around):
                    around.idle.add(node.name)
                around.sorts[node.name] = UNKNOWN if facts.assumes else "class"
                return openness.form_of(facts)
            case ast.Assign() | ast.AnnAssign():
                if isinstance(node, ast.AnnAssign) and not around.is_annotation(node.annotation):
                    return ""
                assert node.value is not None
                sort = around.sort_of(node.value)
                if sort is None:
                    return ""
                for name in names:
                    around.sorts[name] = sort if len(names) == 1 else UNKNOWN
                text = constant_text(node.value, around.values) if len(names) == 1 else None
                if text is not None:
                    around.values[names[0]] = text
                return "object" if len(names) > 1 else _form(sort)
    except RecursionError:  # a sum of a thousand terms
        return ""
    return ""


def _form(sort: str) -> str:
    """What others may do with a value without an exception."""
    if sort in ("class", "typevar", "type", "none"):
        return "type"
    return "value" if sort in HASHABLE else "object"


def _surely_bound(statements: list[ast.stmt]) -> set[str]:
    """Names that are bound once these statements of the rest have run."""
    found: set[str] = set()
    for node in statements:
        match node:
            case ast.Import() | ast.ImportFrom():
                found.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.Assign():
                found.update(name for target in node.targets for name in _targets(target))
            case ast.AnnAssign(value=ast.expr()):
                found.update(_targets(node.target))
            case ast.If(orelse=[_, *_]):
                found |= _surely_bound(node.body) & _surely_bound(node.orelse)
            case ast.Try():
                ways = [_surely_bound([*node.body, *node.orelse])]
                ways += [_surely_bound(h.body) for h in node.handlers if not isinstance(h.body[-1], ast.Raise)]
                found |= set.intersection(*ways) | _surely_bound(node.finalbody)
    return found


def _targets(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:
            yield from _targets(part.value if isinstance(part, ast.Starred) else part)
