"""What stands in the body of a class: which attributes and fields are sure, for each sort of class."""

from __future__ import annotations

import ast
import keyword

from testcache.code import settled
from testcache.code.evaluation import Surroundings
from testcache.code.nodes import last_name, text_of
from testcache.code.sorts import HASHABLE, INSTANCE, UNKNOWN
from testcache.structs import Struct, field

_SPECIAL = frozenset(
    (  # noqa: SIM905
        "__slots__ __classcell__ __qualname__ __init_subclass__ __set_name__ __class_getitem__ __new__ __class__ "
        "__dict__ __weakref__ __bases__ __mro__ __orig_bases__ __abstractmethods__ __annotations__ __hash__"
    ).split()
)
_DUNDERS = frozenset("__slots__ __hash__ __doc__ __match_args__ __test__ __version__ __module__".split())  # noqa: SIM905
_ATTRIBUTES = HASHABLE | {"row", "list", "dict", "set", "frozenset", "object", "type", INSTANCE}
"""Sorts of values that surely have no `__set_name__`."""
_WRAPPERS = ("typing.ClassVar", "typing.Final", "typing.Optional")
_CLASS_OF = ("builtins.type", "typing.Type")


class Facts(Struct):
    """What a class of this file may be a base for.

    Attributes:
        sort: "plain", "exception", "enum", "dataclass", "frozen dataclass", "typed dict", "protocol", "tuple".
        open: whether a subclass runs no code of a project, and may be a definition too.
        defaults: whether a field of the dataclass, or of a base, has a default.
        fields: the fields of the dataclass and of its bases.
        inherited: names that its bases bind.
        names: what it binds, with sorts.
        parameters: how many type variables it takes.
        order: the names of its bases of this file in the order in which attributes are looked up.
        slotted: whether it or a base of this file has `__slots__`.
        assumes: imported classes of which a subclass is made here, `.base.Field`: they must be open for the
            class statement to have no effect.
        model: for an exception, a class with the same built-in bases; before its body, for what it derives from.
    """

    sort: str
    open: bool = True
    defaults: bool = False
    fields: set[str] = field(default_factory=set)
    inherited: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    parameters: int = 0
    order: tuple[str, ...] = ()
    slotted: bool = False
    assumes: frozenset[str] = frozenset()
    model: type[BaseException] | None = None


def bound(node: ast.ClassDef) -> list[str]:
    found: list[str] = []
    for part in node.body:
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(part.name)
        elif isinstance(part, ast.Assign | ast.AnnAssign):
            found += _targets(part)
    return found


def _targets(part: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = part.targets if isinstance(part, ast.Assign) else [part.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def is_field(part: ast.AnnAssign, inside: Surroundings, facts: Facts, *, fields: bool, keywords_only: bool) -> bool:
    if facts.sort == "enum" or (facts.sort == "typed dict" and part.value is not None):
        return False
    if not inside.is_annotation(part.annotation):
        return False
    if facts.sort in ("tuple", "typed dict") and not inside.lazy and not inside.is_type(part.annotation):
        return False
    assert isinstance(part.target, ast.Name)
    name = part.target.id
    if facts.sort == "tuple" and (name.startswith("_") or keyword.iskeyword(name)):
        return False
    value = part.value
    made = fields or facts.sort == "tuple"
    note = part.annotation.value if isinstance(part.annotation, ast.Subscript) else part.annotation
    if not made or inside.dotted(note) == "typing.ClassVar":
        return value is None or inside.sort_of(value) in _ATTRIBUTES or _is_class(value, part.annotation, inside)
    if last_name(note) == "KW_ONLY" or name in facts.fields:
        return False  # a field that a base has keeps its place among the defaults
    facts.fields.add(name)
    if value is None and fields and (name in facts.inherited or hasattr(type, name)):
        return False  # that is its default
    if value is None:
        return keywords_only or not facts.defaults
    called = inside.dotted(value.func) if isinstance(value, ast.Call) else ""
    if fields and called == "dataclasses.field":
        assert isinstance(value, ast.Call)
        has_default = _field(value, inside)
        if has_default is None or not (has_default or keywords_only or not facts.defaults):
            return False
        facts.defaults = facts.defaults or (has_default and not keywords_only)
        return True
    facts.defaults = facts.defaults or not keywords_only
    return inside.is_sure(value) if facts.sort == "tuple" else inside.is_hashable(value)


def _is_class(value: ast.expr, annotation: ast.expr, inside: Surroundings) -> bool:
    """Is it an imported class? One that says so: `handler: type[Handler] = Handler`.

    Does not see: a class whose metaclass has a `__set_name__`.
    """
    while isinstance(annotation, ast.Subscript) and inside.dotted(annotation.value) in _WRAPPERS:
        annotation = annotation.slice
    said = isinstance(annotation, ast.Subscript) and inside.dotted(annotation.value) in _CLASS_OF
    return said and isinstance(value, ast.Name | ast.Attribute) and inside.is_type(value)


def is_plain_name(name: str, value: ast.expr | None, facts: Facts) -> bool:
    """Does binding the name in a class mean nothing to Python itself?"""
    if name.startswith("__") and name.endswith("__"):
        alias = isinstance(value, ast.Name) and name not in _SPECIAL
        fits = (alias or name in _DUNDERS) and facts.sort in ("plain", "exception")
        return fits and (name != "__hash__" or (isinstance(value, ast.Constant) and value.value is None))
    return facts.sort != "enum" or (not name.startswith("_") and name not in ("mro", "name", "value"))


def value_sort(node: ast.expr, inside: Surroundings, facts: Facts, of: str) -> str | None:
    """The sort of an attribute of a class; None if it might fail, or be told its name."""
    if facts.sort == "typed dict":
        return None
    if facts.sort == "enum":
        auto = (
            isinstance(node, ast.Call) and inside.dotted(node.func) == "enum.auto" and not (node.args or node.keywords)
        )
        if auto:
            return "auto"
        if not of and isinstance(node, ast.Call) and inside.sort_of(node) == "object":
            return "object"
        constant = isinstance(node, ast.Constant) and type(node.value) in (int, str)
        fits = constant and (not of or type(node.value).__name__ == of)  # type: ignore[attr-defined]
        return type(node.value).__name__ if fits else None  # type: ignore[attr-defined]
    sort = inside.sort_of(node)
    if sort == UNKNOWN and isinstance(node, ast.Name | ast.Attribute) and inside.dotted(node) in settled.TYPES:
        return "class"
    return sort if sort in _ATTRIBUTES or sort == "property" else None


def _field(call: ast.Call, inside: Surroundings) -> bool | None:
    """Whether `dataclasses.field(...)` gives a default; None if it might fail."""
    options = {option.arg: option.value for option in call.keywords}
    known = {"default", "default_factory", "repr", "compare", "init", "metadata", "hash"}
    if call.args or not options.keys() <= known or {"default", "default_factory"} <= options.keys():
        return None
    if not inside.is_sure(*options.values()):
        return None
    for name, value in options.items():
        if name in ("repr", "compare", "init", "hash") and not isinstance(value, ast.Constant):
            return None
        if name == "metadata" and inside.sort_of(value) != "dict":
            return None
        if name == "default" and not inside.is_hashable(value):
            return None
    return "default" in options or "default_factory" in options or "init" in options


def slots_fit(node: ast.ClassDef, names: dict[str, str]) -> bool:
    """Are `__slots__` plain names that the class does not bind otherwise?"""
    if "__slots__" not in names:
        return True
    assigned = (part for part in node.body if isinstance(part, ast.Assign | ast.AnnAssign))
    value = next((part.value for part in assigned if "__slots__" in _targets(part)), None)
    if value is None:
        return False
    slots = [text_of(part) for part in value.elts] if isinstance(value, ast.Tuple | ast.List) else [text_of(value)]
    plain = all(slot.isidentifier() and not slot.startswith("__") for slot in slots)
    return plain and len(set(slots)) == len(slots) and names.keys().isdisjoint(slots)


def fits_sort(facts: Facts, names: dict[str, str]) -> bool:
    """What the standard library demands of a class of this sort."""
    dunders = {name for name in names if name.startswith("__")}
    match facts.sort:
        case "enum":
            methods = ("function", "property", "decorated")
            sorts = set(names.values()).difference(methods)
            facts.names = {name: "frozen" for name, sort in names.items() if sort not in methods}
            harmless = {"__str__", "__repr__", "__hash__", "__eq__", "__lt__", "__bool__"}
            return (
                len(sorts) <= 1
                and dunders <= harmless
                and not any(n.startswith("_") and n not in dunders for n in names)
            )
        case "dataclass" | "frozen dataclass":
            return dunders.isdisjoint({"__slots__", "__setattr__", "__delattr__"})
        case "tuple":
            return dunders <= {"__str__", "__repr__", "__bool__"} and not any(
                n.startswith("_") for n in names.keys() - dunders
            )
        case "typed dict":
            return not names
        case "protocol":
            return dunders.isdisjoint({"__slots__", "__init__", "__init_subclass__", "__new__"})
    return "__classcell__" not in dunders
