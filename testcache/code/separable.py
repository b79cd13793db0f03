"""Which tests and fixtures of a file stand alone, so that a change of one leaves the others be.

A definition is separable if making it has no effect and nothing else in the file can see it. Pytest
then finds it, and each test names the fixtures that it wants; both are recorded elsewhere. All is
decided on the safe side: what is not provably alone counts in the body of the file.

Does not see:
- other files that import a test or a fixture from here: they must depend on `Source.whole`, the block `*`;
- a fixture that is added and hides one of that name from further out: who requests a name must
  depend on every place where a nearer one could appear, as an absent block.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from testcache.code import origins
from testcache.code.origins import Origins
from testcache.code.outline import Definition, Function, Outline
from testcache.code.syntax import mentions, stores

_ENUMERATORS = frozenset(
    (  # noqa: SIM905
        "__dict__ getmembers f_globals f_locals __subclasses__ loadTestsFromModule "
        "loadTestsFromTestCase getTestCaseNames currentframe"
    ).split()
)
"""Who uses one of these may see every name of the module or class, be it an attribute or a name."""

_BUILTIN_ENUMERATORS = frozenset(["globals", "vars", "locals", "dir", "eval", "exec"])
"""The same as plain names; as attributes (`frame.eval`) only if the file knows `builtins`."""

_REFLECTION = frozenset({"getattr", "hasattr", "setattr", "delattr", "attrgetter", "methodcaller"})


def find(outline: Outline, tree: ast.Module) -> dict[str, bool]:
    """The separable blocks; True if the place among the other statements counts for the block.

    The place counts if the header reads a name that other statements may bind again or change.
    Cost: a set of tokens for each function, and a look at each decorator and default.
    """
    ranges = [(item.start, item.end) for item in outline.top]
    rest = without(outline.body, 0, len(outline.body), ranges)
    bound = Counter(_bindings(rest))
    bound.update(item.name for item in outline.top)
    known = origins.trace(outline, bound)
    if known is None or bound["__getattr__"] or _enumerates(outline, tree):
        return {}
    found: list[tuple[Definition, bool]] = []
    for item in outline.top:
        if bound[item.name] > 1:
            continue
        if isinstance(item.node, ast.ClassDef):
            if _is_test_class(item.node, known):
                found += _class_and_methods(item, outline, known)
        elif _is_test_or_fixture(item.node, known):
            found.append((item, _place_counts(outline.body[item.start : item.end], known)))
    if not found:
        return {}
    mentioned = _mentioned(outline, rest, [item for item, _ in found])
    alone = {item.block: place for item, place in found if item not in mentioned}
    return {
        item.block: place
        for item, place in found
        if item not in mentioned and (item.owner is None or item.owner.block in alone)
    }


def without(tokens: list[str], start: int, end: int, ranges: list[tuple[int, int]]) -> list[str]:
    """Tokens from start to end, without the ranges (sorted, apart) that lie between them."""
    kept: list[str] = []
    for first, last in ranges:
        if start <= first and last <= end:
            kept += tokens[start:first]
            start = last
    return kept + tokens[start:end]


def _bindings(tokens: list[str]) -> Iterator[str]:
    """Each name that tokens of a body bind: once for being assigned, once for each definition."""
    yield from stores(tokens)
    for token in tokens:
        if token[0] == "~":
            yield token[1:]
        elif token[0] == "(" and "Def " in token:
            yield token.partition(" ")[2]


def _enumerates(outline: Outline, tree: ast.Module) -> bool:
    """Is there code that may look at all names of this module, or of a class in it?"""
    tokens = set(outline.body).union(*(function.tokens for function in outline.functions))
    reads, others, _ = mentions(tokens)
    if "__dict__" in others:  # also as a text
        return True
    both = reads | {token.lstrip("!.") for token in tokens if token.startswith((".", "!."))}
    if not _ENUMERATORS.isdisjoint(both) or {"sys", "modules"} <= both:
        return True
    if not _BUILTIN_ENUMERATORS.isdisjoint(both if "builtins" in both else reads):
        return True
    if _REFLECTION.isdisjoint(both):
        return False
    imports_itself = "__name__" in reads and not both.isdisjoint({"import_module", "__import__"})
    return imports_itself or any(map(_looks_at_itself, ast.walk(tree)))


def _looks_at_itself(node: ast.AST) -> bool:
    """Is it a `getattr(self, name)` or alike, with a name that only the run knows?"""
    if not isinstance(node, ast.Call):
        return False
    function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if function in ("attrgetter", "methodcaller"):
        return not all(isinstance(value, ast.Constant) for value in node.args[:1])
    if function not in _REFLECTION or len(node.args) < 2 or isinstance(node.args[1], ast.Constant):
        return False
    target = node.args[0]
    if isinstance(target, ast.Name):
        return target.id in ("self", "cls")
    return not isinstance(target, ast.Attribute) or target.attr in ("module", "cls", "instance", "__class__")


def _is_test_or_fixture(node: Function, known: Origins) -> bool:
    fixtures = [each for each in node.decorator_list if _decorator(each, known) in origins.FIXTURES]
    if not all(map(_is_plain_fixture, fixtures)):
        return False
    return bool(fixtures or node.name.startswith("test")) and known.is_harmless_header(node)


def _decorator(node: ast.expr, known: Origins) -> str:
    return known.dotted(node.func if isinstance(node, ast.Call) else node)


def _is_plain_fixture(node: ast.expr) -> bool:
    """Is the fixture requested by the name of its function, and only if requested?"""
    if not isinstance(node, ast.Call):
        return True
    for keyword in node.keywords:
        off = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        if keyword.arg in (None, "name") or (keyword.arg == "autouse" and not off):
            return False
    return not node.args


def _is_test_class(node: ast.ClassDef, known: Origins) -> bool:
    bases = [known.dotted(base) for base in node.bases]
    cases = [base for base in bases if base in origins.TEST_CASES]
    plain = all(base in origins.TEST_CASES or base == "builtins.object" for base in bases)
    return plain and bool(cases or node.name.startswith("Test")) and _has_no_effect(node, known)


def _has_no_effect(node: ast.ClassDef, known: Origins) -> bool:
    """Can the class statement run without any effect on other code?"""
    if node.keywords or getattr(node, "type_params", None):
        return False
    if not all(map(known.is_harmless_decorator, node.decorator_list)):
        return False
    known = known.without(_names_of(node))
    for part in node.body:
        match part:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                harmless = known.is_harmless_header(part)
            case ast.ClassDef():
                harmless = all(known.dotted(base) in (*origins.TEST_CASES, "builtins.object") for base in part.bases)
                harmless = harmless and _has_no_effect(part, known)
            case ast.Assign():
                harmless = all(isinstance(target, ast.Name) for target in part.targets) and known.is_pure(part.value)
            case ast.AnnAssign():
                harmless = isinstance(part.target, ast.Name) and known.is_pure(part.annotation)
                harmless = harmless and (part.value is None or known.is_pure(part.value))
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                harmless = True
            case _:
                harmless = False
        if not harmless:
            return False
    return True


def _names_of(node: ast.ClassDef) -> set[str]:
    """What the statements of a class bind, if they are of the kinds that are allowed at all."""
    names: set[str] = set()
    for part in node.body:
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(part.name)
        elif isinstance(part, (ast.Assign, ast.AnnAssign)):
            targets = part.targets if isinstance(part, ast.Assign) else [part.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


def _class_and_methods(item: Definition, outline: Outline, known: Origins) -> Iterator[tuple[Definition, bool]]:
    """The class, and those of its test methods that are defined once."""
    assert isinstance(item.node, ast.ClassDef)
    methods = [member for member in item.members if not isinstance(member.node, ast.ClassDef)]
    ranges = [(method.start, method.end) for method in methods]
    rest = without(outline.body, item.start, item.end, ranges)
    bound = Counter(_bindings(rest[1:]))
    bound.update(method.name for method in methods)
    inside = known.without(_names_of(item.node))
    yield item, _place_counts(outline.body[item.start : item.end], inside)
    for method in methods:
        fixture = any(_decorator(each, inside) in origins.FIXTURES for each in method.node.decorator_list)
        if method.name.startswith("test") and not fixture and bound[method.name] == 1:
            yield method, _place_counts(outline.body[method.start : method.end], inside)


def _place_counts(tokens: list[str], known: Origins) -> bool:
    return not all(map(known.is_known, mentions(tokens)[0]))


def _mentioned(outline: Outline, rest: list[str], candidates: list[Definition]) -> set[Definition]:
    """Those candidates whose name is read, or written as a text, outside their own definition.

    A name that is a parameter of the function around it is a request of a fixture, no mention.
    """
    wanted: dict[str, list[Definition]] = {}
    for item in candidates:
        wanted.setdefault(item.name, []).append(item)
    found: set[Definition] = set()

    def note(tokens: list[str], inside: Definition | None, parameters: set[str]) -> None:
        names, others, _ = mentions(tokens)
        for name in wanted.keys() & ((names - parameters) | others):
            for item in wanted[name]:
                if inside is None or (item is not inside and item is not inside.owner):
                    found.add(item)

    note(rest, None, set())
    for item in outline.top:
        ranges = [(member.start, member.end) for member in item.members]
        note(without(outline.body, item.start, item.end, ranges), item, set())
        for member in item.members:
            note(outline.body[member.start : member.end], member, set())
    for function in outline.functions:
        note([*function.tokens, *function.told], function, _parameters(function.node))
    return found


def _parameters(node: Function | ast.ClassDef) -> set[str]:
    if isinstance(node, ast.ClassDef):
        return set()
    given = node.args
    names = {argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
    return names | {argument.arg for argument in (given.vararg, given.kwarg) if argument}
