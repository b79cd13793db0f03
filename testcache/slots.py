"""Where a memo-shaped function keeps what it fills, if its own variables say so.

A function that fills `self.rate` fills the object that its variable `self` names. If that object dies
with the test, nobody after the test sees what was stored. For each place that such a function stores
to, a *slot* says from which variable, and by which attributes, the object that holds it is found when
the function ends. One store that cannot be followed like that makes the function one that fills what
everybody may see.

Not followed: globals, names of a function around, mutable defaults, what a call returned if it is used
without a name, variables that get another value while they are needed, an element of an element, stores
through `setattr`, `vars` and alike.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from testcache.nodes import is_number, is_self, last_name, text_of
from testcache.outline import Function
from testcache.variables import Variables, is_path

ANY = "*"
MUTATORS = frozenset({"append", "add", "update", "extend", "insert", "appendleft", "__setitem__", "setdefault"})
_BLIND = frozenset("setattr __setattr__ globals vars locals exec eval __dict__".split())  # noqa: SIM905
"""Who uses one of these may store anywhere."""

ELEMENT = "["
EACH = ELEMENT + ANY
_ALIASES = 4
"""A name for a name for a name, as far as `Scope` follows them."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that a function stores to.

    Attributes:
        root: a variable of the function.
        chain: attributes that lead from there to the object that is filled; "[x" is the element "x" of a
            dict, and "[*" at the end each element of a list or dict.
        attribute: the attribute of that object that is set, "*" if its name is not known; "" if the
            object is a container.
        owner: a variable and attributes that the container comes from, if it was given a name of its own.
        looked: whether it is to be looked at on the way, as the variable gets other values or as elements may go.
    """

    root: str
    chain: tuple[str, ...]
    attribute: str
    owner: tuple[str, ...] = ()
    looked: bool = False


@dataclass(frozen=True, slots=True)
class Filling:
    """What a memo-shaped function fills.

    Attributes:
        slots: all places that it stores to; none if one of them is not known.
        lines: where a variable of a slot gets another value, or an element is filled.
        given: whether it may keep what its caller computed.
        answers: whether a caller may learn something from what it returns.
    """

    slots: frozenset[Slot] = frozenset()
    lines: frozenset[int] = frozenset()
    given: bool = False
    answers: bool = False


@dataclass(frozen=True, slots=True)
class _Store:
    """What a statement fills: an object, and the attribute of it, "" for an element."""

    target: ast.expr
    attribute: str

    def expression(self) -> ast.expr:
        """What is filled, as code that reads it would say."""
        return ast.Attribute(self.target, self.attribute) if self.attribute else self.target


def find(node: Function, names: set[str] | frozenset[str]) -> Filling:
    """Where a function keeps what it fills under these names.

    Names are told apart as in `Scope`: `.x` is an attribute, `x` is global or belongs to a function around.
    Nothing is known of a function that can be suspended. Cost: two walks through the function.
    """
    try:
        stores = _Stores(node)
        if stores.suspends:
            return Filling()
        return Filling(stores.slots(names), frozenset(stores.lines))
    except RecursionError:  # suites in suites
        return Filling()


class _Stores:
    def __init__(self, node: Function) -> None:
        self.lines: set[int] = set()
        self.suspends = isinstance(node, ast.AsyncFunctionDef)
        self._variables = Variables(node)
        self._stores: list[_Store] = []
        self._hidden: list[_Store] = []  # what functions fill that are defined here
        self._blind = False
        self._counters: set[str] = set()  # numbers are added to them, so they are no container
        sums: set[str] = set()
        known: set[ast.AST] = set()
        for part in self._variables.own:
            store = _filled(part) or _filled_by_name(part, known)
            if store is not None:
                self._stores.append(store)
            self._blind = self._blind or (_is_blind(part) and part not in known)
            self.suspends = self.suspends or isinstance(part, ast.Yield | ast.YieldFrom)
            if isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name):
                self._stores.append(_Store(part.target, ""))
                counts = isinstance(part.op, ast.Add | ast.Sub) and is_number(part.value)
                (self._counters if counts else sums).add(part.target.id)
        self._counters -= sums
        for inner in self._variables.inner:
            for part in ast.walk(inner):
                self._blind = self._blind or _is_blind(part)
                store = _filled(part)
                if store is not None:
                    self._hidden.append(store)

    def slots(self, names: set[str] | frozenset[str]) -> frozenset[Slot]:
        """The slots of all stores that may fill one of these names, if there is one for each name."""
        if not self._are_known(names) or any(self._concerns(store.expression(), names) for store in self._hidden):
            return frozenset()
        found = {self._slot(store) for store in self._stores if self._is_one_of(store, names)}
        return frozenset(slot for slot in found if slot is not None) if None not in found else frozenset()

    def _are_known(self, names: set[str] | frozenset[str]) -> bool:
        """Whether it is known for each name which statements may fill it."""
        explained: set[str] = set()
        for store in self._stores:
            if not self._is_one_of(store, names):
                continue
            if store.attribute:  # what is set by its name is known to `Scope` without the dot
                explained |= {"." + store.attribute, store.attribute}
            else:
                explained |= self._behind(store.target, _ALIASES)
            if not store.attribute and is_self(store.target):
                explained.add(ANY)
        return not self._blind and names <= explained

    def _is_one_of(self, store: _Store, names: set[str] | frozenset[str]) -> bool:
        if store.attribute:
            return store.attribute == ANY or not names.isdisjoint(("." + store.attribute, store.attribute))
        return self._concerns(store.target, names)

    def _concerns(self, target: ast.expr, names: set[str] | frozenset[str]) -> bool:
        """May a store to this expression be one of those that fill one of the names?"""
        return ANY in names or not self._behind(target, _ALIASES).isdisjoint(names)

    def _behind(self, expression: ast.expr, depth: int) -> set[str]:
        """The names of what is filled when the value of an expression is filled, as `Scope` has them."""
        while isinstance(expression, (ast.Subscript, ast.Starred, ast.Await, ast.NamedExpr)):
            expression = expression.value
        match expression:
            case ast.Attribute(attr=name):
                return {"." + name}
            case ast.Name(id=name):
                values = self._variables.values(name) if depth else ()
                return {name}.union(*(self._behind(value, depth - 1) for value in values))
            case ast.Call(func=ast.Attribute(value=value, attr="get" | "setdefault")):
                return self._behind(value, depth)
            case ast.Call(func=ast.Name(id="getattr"), args=[_, name, *_]):
                return {"." + text_of(name)}
            case ast.Call(func=function):
                return {last_name(function), "." + last_name(function)}
            case ast.BoolOp(values=parts):
                return set().union(*(self._behind(part, depth) for part in parts))
            case ast.IfExp(body=first, orelse=second):
                return self._behind(first, depth) | self._behind(second, depth)
        return set()

    def _slot(self, store: _Store) -> Slot | None:
        """Where the function finds what it fills; None if that is not known when it ends."""
        chain: list[str] = []
        target = store.target
        lines: set[int] = set()
        while isinstance(target, ast.Attribute) or _key(target) or (store.attribute and _is_element(target, store)):
            if isinstance(target, ast.Attribute):
                chain.insert(0, target.attr)
                target = target.value
            else:
                chain.insert(0, ELEMENT + (_key(target) or ANY))
                target = _container(target)
                lines.add(self._before(store))
        root = "self" if is_self(target) and not isinstance(target, ast.Name) else getattr(target, "id", "")
        if root in self._counters and not chain:
            return Slot(root, (), "")
        if not self._variables.stays(root) or any(self._is_replaced(name, store) for name in chain):
            return None
        owner: tuple[str, ...] = ()
        values = self._variables.values(root)
        if not chain and not store.attribute and len(values) == 1 and is_path(values[0]):
            owner = tuple(ast.unparse(values[0]).split("."))
            if not self._variables.stays(owner[0]) or any(self._is_replaced(name, store) for name in owner[1:]):
                owner = ()
        for name in (root, *owner[:1]):
            for line, statement in self._variables.replaced(name).items():
                lines.add(0 if self._filled_in(statement) else line)
        if 0 in lines:
            return None
        self.lines |= lines
        return Slot(root, tuple(chain), store.attribute, owner, bool(lines) or self._variables.is_looped(root))

    def _is_replaced(self, name: str, store: _Store) -> bool:
        """Whether an attribute on the way is set in the function, other than before all that matters."""
        others = [other.target for other in self._stores if other.attribute in (name, ANY)]
        return any(self._variables.may_follow(other, store.target) for other in others)

    def _before(self, store: _Store) -> int:
        """The line before which an element is looked at that the store fills; 0 if it may be another one then.

        Whatever takes it away later, here or in a function that is called, comes too late.
        """
        statement = self._variables.alone_on(store.target.lineno)
        if statement is None or self._variables.is_repeated(store.target):
            return 0
        return store.target.lineno if self._filled_in(statement) <= set(ast.walk(store.target)) else 0

    def _filled_in(self, statement: ast.stmt) -> set[ast.AST]:
        targets = {store.target for store in self._stores}
        return {part for part in ast.walk(statement) if part in targets}


def is_element(name: str) -> bool:
    """Whether a name in a chain is that of an element."""
    return name.startswith(ELEMENT)


def _key(node: ast.AST) -> str:
    """The text that an element is asked for by, if it is one."""
    match node:
        case ast.Subscript(slice=ast.Constant(value=str(key))) if key != ANY:
            return key
        case ast.Call(
            func=ast.Attribute(attr="setdefault"),
            args=[ast.Constant(value=str(key)), ast.List(elts=[]) | ast.Dict(keys=[])],
        ) if key != ANY:
            return key
    return ""


def _is_element(node: ast.AST, store: _Store) -> bool:
    """Is it the object that the store fills, asked for by a key or an index that only the run knows?"""
    return node is store.target and isinstance(node, ast.Subscript)


def _container(node: ast.expr) -> ast.expr:
    """What the element belongs to."""
    if isinstance(node, ast.Call):
        node = node.func
    assert isinstance(node, (ast.Subscript, ast.Attribute))
    return node.value


def _filled(node: ast.AST) -> _Store | None:
    match node:
        case ast.Attribute(value=value, attr=name, ctx=ast.Store()):
            return _Store(value, name)
        case ast.Subscript(value=value, ctx=ast.Store()) if getattr(value, "attr", "") != "__dict__":
            return _Store(value, "")
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in MUTATORS:
            return _Store(value, "")
    return None


def _filled_by_name(node: ast.AST, known: set[ast.AST]) -> _Store | None:
    """The same for an attribute that is set by its name; what says so is added to `known`."""
    match node:
        case ast.Call(func=ast.Name(id="setattr") as function, args=[target, name, _]):
            known.add(function)
            return _Store(target, text_of(name) or ANY)
        case ast.Subscript(
            value=ast.Attribute(value=target, attr="__dict__") as attributes, slice=name, ctx=ast.Store()
        ):
            known.add(attributes)
            return _Store(target, text_of(name) or ANY)
    return None


def _is_blind(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Del):
        return True  # what was filled may be held by others, and is no more to be found here
    return isinstance(node, (ast.Name, ast.Attribute)) and last_name(node) in _BLIND
