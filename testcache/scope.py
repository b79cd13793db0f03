"""What one function tests and what it stores to, as far as it may outlive the call."""

from __future__ import annotations

import ast

from testcache.missing import bare
from testcache.nodes import FUNCTIONS, children, first_line, is_self, last_name, text_of
from testcache.outline import Function

ANY = "*"
"""Stands for every name, where only the run knows which."""

_INITIALIZERS = ("__init__", "__post_init__", "__attrs_post_init__")
_STREAMS = frozenset({"stdin", "stdout", "stderr"})
_MUTATORS = frozenset({"append", "add", "update", "extend", "insert", "appendleft", "__setitem__"})


class Scope:
    """One function, without the functions inside it (which are scopes of their own in `inner`).

    Names of targets are kept apart by kind while scopes are joined: `.x` is an attribute, `x` a
    name that is global or belongs to a function around.
    """

    def __init__(self, node: Function) -> None:
        self.node = node
        self.line = first_line(node)
        self.inner: list[Scope] = []
        self._declared: set[str] = set()
        self._locals: set[str] = set()
        self._defaults: set[str] = set()
        self._given: list[tuple[list[str], ast.expr]] = []  # names that are bound from an expression
        self._tests: list[ast.AST] = []
        self._self_tested = node.name == "__missing__"
        self._stores: list[ast.expr] = []  # targets that are filled: the base of x[k] = v, of x.append(v)
        self._attributes: list[ast.Attribute] = []
        self._tested: set[str] = set()
        self._stored: set[str] = set()
        self._always: set[str] = set()  # stored, and no test is needed to count
        self._parameters()
        self._gather()
        self._locals -= self._declared
        self._resolve()

    def filled(self, missing: frozenset[str]) -> set[str]:
        """The long-lived state that this function may fill for good; empty if it is no memo.

        `missing` are bare names that functions of the file ask for to see whether there is anything.
        """
        tested, stored = self.tested, self.stored
        names = (self._stored & tested) | (stored & self._tested) | self._always
        names |= {name for name in self._stored if bare(name) in missing}
        # a default is reached by calling the function
        return names if names.isdisjoint(self._defaults) else names | {self.node.name}

    @property
    def tested(self) -> set[str]:
        """What it and the functions inside it test, that is not their own."""
        return self._tested.union(*(self._outside(inner.tested) for inner in self.inner))

    @property
    def stored(self) -> set[str]:
        """What it and the functions inside it store to, that is not their own."""
        return self._stored.union(*(self._outside(inner.stored) for inner in self.inner))

    def _outside(self, names: set[str]) -> set[str]:
        return names - self._locals

    def _parameters(self) -> None:
        given = self.node.args
        positional = [*given.posonlyargs, *given.args]
        extra = [argument for argument in (given.vararg, given.kwarg) if argument]
        self._locals.update(argument.arg for argument in (*positional, *given.kwonlyargs, *extra))
        pairs = [*zip(reversed(positional), reversed(given.defaults), strict=False)]
        pairs += [
            (name, value) for name, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value is not None
        ]
        for argument, default in pairs:
            if not isinstance(default, (ast.Constant, ast.UnaryOp, ast.Tuple)):
                self._defaults.add(argument.arg)  # one object for all calls, which may be filled

    def _gather(self) -> None:
        """Sort the nodes of the function into what they are good for; each node is seen once."""
        pending: list[ast.AST] = list(self.node.body)
        while pending:
            node = pending.pop()
            see = _SEE.get(node.__class__)
            if see is not None:
                see(self, node)
                if isinstance(node, FUNCTIONS):
                    pending += [*node.decorator_list, node.args]
                    continue
            pending += children(node)

    def _see_definition(self, node: ast.AST) -> None:
        assert isinstance(node, (*FUNCTIONS, ast.ClassDef))
        self._locals.add(node.name)
        if not isinstance(node, ast.ClassDef):
            self.inner.append(Scope(node))

    def _see_declaration(self, node: ast.AST) -> None:
        assert isinstance(node, (ast.Global, ast.Nonlocal))
        self._declared.update(node.names)

    def _see_name(self, node: ast.AST) -> None:
        assert isinstance(node, ast.Name)
        if not isinstance(node.ctx, ast.Load):
            self._locals.add(node.id)

    def _see_import(self, node: ast.AST) -> None:
        assert isinstance(node, ast.alias)
        self._locals.add(node.asname or node.name.partition(".")[0])

    def _see_argument(self, node: ast.AST) -> None:
        assert isinstance(node, ast.arg)  # of a lambda, or of a function inside
        self._locals.add(node.arg)

    def _see_capture(self, node: ast.AST) -> None:
        name = getattr(node, "rest", None) or getattr(node, "name", None)
        if name:
            self._locals.add(name)

    def _see_test(self, node: ast.AST) -> None:
        assert isinstance(node, (ast.If, ast.IfExp, ast.While))
        self._tests.append(node.test)

    def _see_comparison(self, node: ast.AST) -> None:
        self._tests.append(node)
        if isinstance(node, ast.Compare) and any(map(is_self, node.comparators)):
            self._self_tested = True

    def _see_match(self, node: ast.AST) -> None:
        if isinstance(node, ast.Match):
            self._tests.append(node.subject)
        elif isinstance(node, ast.match_case) and node.guard:
            self._tests.append(node.guard)

    def _see_try(self, node: ast.AST) -> None:
        assert isinstance(node, (ast.Try, ast.TryStar))
        if node.handlers:
            self._see_tried(node.body)

    def _see_tried(self, body: list[ast.stmt]) -> None:
        self._tests += body
        for part in body:
            value = getattr(part, "value", None)
            if isinstance(value, ast.Subscript) and is_self(value.value):
                self._self_tested = True

    def _see_with(self, node: ast.AST) -> None:
        assert isinstance(node, (ast.With, ast.AsyncWith))
        for item in node.items:
            if item.optional_vars is not None:
                self._bind([item.optional_vars], item.context_expr)
            if isinstance(item.context_expr, ast.Call) and last_name(item.context_expr.func) == "suppress":
                self._see_tried(node.body)  # the same as try and except

    def _see_loop(self, node: ast.AST) -> None:
        assert isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension))
        self._bind([node.target], node.iter)
        if isinstance(node, ast.comprehension):
            self._tests += node.ifs

    def _see_assignment(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            self._bind(node.targets, node.value)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            self._bind([node.target], node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            self._stores.append(ast.Name(node.target.id, ast.Load()))

    def _bind(self, targets: list[ast.expr], value: ast.expr) -> None:
        names: list[str] = []
        pending: list[ast.AST] = [*targets]
        while pending:
            target = pending.pop()
            if isinstance(target, ast.Name):
                names.append(target.id)
            elif isinstance(target, (ast.Tuple, ast.List, ast.Starred)):  # not `a` in `a.b = ...`
                pending += children(target)
        if names:
            self._given.append((names, value))

    def _see_attribute(self, node: ast.AST) -> None:
        assert isinstance(node, ast.Attribute)
        if node.attr in _STREAMS and isinstance(node.value, ast.Name) and node.value.id == "sys":
            return  # pytest sets them anew for each phase of a test
        if isinstance(node.ctx, ast.Store) and not self._is_under_construction(node.value):
            self._attributes.append(node)

    def _see_subscript(self, node: ast.AST) -> None:
        assert isinstance(node, ast.Subscript)
        if not isinstance(node.ctx, ast.Store):
            return
        if not self._see_namespace(node.value, node.slice):
            self._stores.append(node.value)

    def _see_namespace(self, holder: ast.expr, key: ast.expr | None) -> bool:
        """Is the holder a namespace, as in `globals()[key] = ...`? Then note what is stored there."""
        if isinstance(holder, ast.Call):
            if last_name(holder.func) not in ("globals", "vars"):
                return False
            owner = holder.args[0] if holder.args else None
        elif isinstance(holder, ast.Attribute) and holder.attr == "__dict__":
            owner = holder.value
        else:
            return False
        if owner is None or not self._is_under_construction(owner):
            self._always.add(text_of(key) or ANY)
        return True

    def _is_under_construction(self, node: ast.expr) -> bool:
        """Is it the object that `__init__` makes? Nobody else has it yet."""
        return self.node.name in _INITIALIZERS and is_self(node)

    def _see_call(self, node: ast.AST) -> None:
        assert isinstance(node, ast.Call)
        function, args = node.func, node.args
        name = last_name(function)
        if isinstance(function, ast.Attribute):
            if name == "get":
                self._tests.append(function.value)
                self._self_tested = self._self_tested or is_self(function.value)
            elif name == "setdefault":
                if not self._see_namespace(function.value, args[0] if args else None):
                    self._tests.append(function.value)
                    self._stores.append(function.value)
            elif name in _MUTATORS and not self._see_namespace(function.value, None):
                self._stores.append(function.value)
            elif name == "__setattr__" and len(args) >= 2:
                self._see_setattr(args[-3:-1], needs_test=True)
        elif name in ("hasattr", "getattr") and len(args) > 1:
            text = text_of(args[1])
            if text and (name == "hasattr" or len(args) > 2):
                self._tested.add("." + text)
        elif name == "setattr" and len(args) > 1:
            self._see_setattr(args[:2], needs_test=False)

    def _see_setattr(self, args: list[ast.expr], *, needs_test: bool) -> None:
        if len(args) > 1 and self._is_under_construction(args[0]):
            return
        text = text_of(args[-1])
        if text and needs_test:
            self._stored.add("." + text)
        elif text:
            self._always.add(text)
        elif not needs_test or self.node.name not in ("__setattr__", "__init__"):
            self._always.add(ANY)

    def _resolve(self) -> None:
        """Turn the gathered expressions into names of long-lived targets."""
        given = [(names, *self._mentioned(value), value) for names, value in self._given]
        loose: dict[str, set[str]] = {}
        strict: dict[str, set[str]] = {}
        for _ in range(3):  # a name from a name from a name: longer chains are not followed
            for names, found, through, value in given:
                read = found.union(*(loose[name] for name in through if name in loose))
                held = self._holders(value, strict)
                for name in names:
                    loose.setdefault(name, set()).update(read)
                    if held:
                        strict.setdefault(name, set()).update(held)
        for test in self._tests:
            found, through = self._mentioned(test)
            self._tested |= found.union(*(loose[name] for name in through if name in loose))
        for target in self._stores:
            self._stored |= self._holders(target, strict) or self._getter(target)
            if self._self_tested and is_self(target):
                self._always.add(ANY)
        self._stored.update("." + node.attr for node in self._attributes)
        if self._declared:
            self._stored |= self._declared & self._bound()

    def _bound(self) -> set[str]:
        """Names that are bound anywhere in the function."""
        found: set[str] = set()
        for node in ast.walk(self.node):
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                found.add(node.name)
            elif isinstance(node, ast.alias):
                found.add(node.asname or node.name.partition(".")[0])
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
        return found

    def _long_lived(self, name: str) -> bool:
        return name not in self._locals or name in self._defaults

    def _mentioned(self, expression: ast.AST) -> tuple[set[str], set[str]]:
        """The long-lived targets in an expression, and the local names, which may stand for others."""
        found: set[str] = set()
        names: set[str] = set()
        pending = [expression]
        while pending:
            node = pending.pop()
            kind = node.__class__
            if isinstance(node, ast.Name):
                names.add(node.id)
                continue
            if isinstance(node, ast.Attribute):
                found.add("." + node.attr)
            elif isinstance(node, ast.Constant):
                found.add("." + text_of(node))  # as in `if "rate" not in vars(self)`
            elif kind is ast.Call:
                assert isinstance(node, ast.Call)
                if last_name(node.func) == "getattr" and len(node.args) > 1:
                    found.add("." + text_of(node.args[1]))
            pending += children(node)
        found.update(name for name in names if self._long_lived(name))
        return found, names

    def _getter(self, target: ast.expr) -> set[str]:
        """The function in `table()[key] = value`: who calls it, reaches what it returns."""
        while isinstance(target, ast.Subscript):
            target = target.value
        if not isinstance(target, ast.Call) or is_self(target):
            return set()
        return self._mentioned(target.func)[0] & {last_name(target.func), "." + last_name(target.func)}

    def _holders(self, expression: ast.expr, aliases: dict[str, set[str]]) -> set[str]:
        """The long-lived targets that are filled when the value of the expression is filled."""
        while True:
            if isinstance(expression, (ast.Subscript, ast.Starred, ast.Await, ast.NamedExpr)):
                expression = expression.value
            elif isinstance(expression, ast.Call):
                function = expression.func
                if last_name(function) == "getattr" and len(expression.args) > 1:
                    return {"." + text_of(expression.args[1])}
                if not isinstance(function, ast.Attribute) or function.attr not in ("get", "setdefault"):
                    return set()
                expression = function.value
            elif isinstance(expression, (ast.BoolOp, ast.IfExp)):
                parts = (
                    expression.values if isinstance(expression, ast.BoolOp) else [expression.body, expression.orelse]
                )
                return set().union(*(self._holders(part, aliases) for part in parts))
            elif isinstance(expression, ast.Attribute):
                return {"." + expression.attr}
            elif isinstance(expression, ast.Name):
                found = set(aliases.get(expression.id, ()))
                return found | {expression.id} if self._long_lived(expression.id) else found
            else:
                return set()


_SEE = {
    ast.FunctionDef: Scope._see_definition,
    ast.AsyncFunctionDef: Scope._see_definition,
    ast.ClassDef: Scope._see_definition,
    ast.Global: Scope._see_declaration,
    ast.Nonlocal: Scope._see_declaration,
    ast.Name: Scope._see_name,
    ast.alias: Scope._see_import,
    ast.arg: Scope._see_argument,
    ast.ExceptHandler: Scope._see_capture,
    ast.MatchAs: Scope._see_capture,
    ast.MatchStar: Scope._see_capture,
    ast.MatchMapping: Scope._see_capture,
    ast.If: Scope._see_test,
    ast.IfExp: Scope._see_test,
    ast.While: Scope._see_test,
    ast.BoolOp: Scope._see_comparison,
    ast.Compare: Scope._see_comparison,
    ast.Match: Scope._see_match,
    ast.match_case: Scope._see_match,
    ast.Try: Scope._see_try,
    ast.TryStar: Scope._see_try,
    ast.With: Scope._see_with,
    ast.AsyncWith: Scope._see_with,
    ast.For: Scope._see_loop,
    ast.AsyncFor: Scope._see_loop,
    ast.comprehension: Scope._see_loop,
    ast.Assign: Scope._see_assignment,
    ast.AnnAssign: Scope._see_assignment,
    ast.NamedExpr: Scope._see_assignment,
    ast.AugAssign: Scope._see_assignment,
    ast.Attribute: Scope._see_attribute,
    ast.Subscript: Scope._see_subscript,
    ast.Call: Scope._see_call,
}
