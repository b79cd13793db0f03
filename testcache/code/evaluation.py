"""Which expressions can be evaluated without any effect and without an exception, and to what sort of value.

A definition leaves the body of its file only if evaluating it cannot be noticed: an edit that makes
an import fail must reach everybody who imports, also those who never mention the name. So a value is
sure only if each name in it is surely bound by then, each operator fits the sorts of its operands, and
each call is known and its arguments were tried here, where they are constants.

That an imported value has an attribute (`np.ndarray`, `settings.LIMIT`), or is a type where one is
wanted (`Rate | None`), or can be the key of a dict, cannot be proved from here. These are *guards*:
accepted, and noted, so that the body of the file says which ones it needs.

Does not see: operators, `__format__` and attributes to which a project gave an effect.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from testcache.code import calls, generics, settled
from testcache.code.nodes import is_divisor, is_expression, is_small, is_text, is_version, parameters, text_of
from testcache.code.origins import Origins
from testcache.code.sorts import (
    ATTRIBUTES,
    BUILTINS,
    CONSTANTS,
    HASHABLE,
    INSTANCE,
    NAMESPACE,
    NUMBERS,
    PATH_PARTS,
    SIZED,
    TYPES,
    UNKNOWN,
    UNSURE,
)
from testcache.structs import Struct, field, replace


class Surroundings(Struct):
    """What is known of a module at one of its statements.

    Attributes:
        origins: where imported names come from.
        sorts: the sort of the value behind each name that is surely bound here.
        imports: names that nothing but imports bind.
        members: the sorts of the attributes that classes of this file surely have.
        generics: how many types the generic classes of this file take.
        values: the constant texts behind names.
        own: names that the class around bound, in which `__x` is the same name everywhere.
        idle: classes of this file that run nothing when an object of them is made without arguments.
        lazy: whether annotations are texts (`from __future__ import annotations`).
        guards: what was needed of imported names so far: `np.ndarray` has to be there, `|Rate` to be a
            type, `#Level.LOW` to keep what it is.
    """

    origins: Origins
    sorts: dict[str, str]
    imports: frozenset[str]
    members: dict[str, dict[str, str]] = field(default_factory=dict)
    generics: dict[str, int] = field(default_factory=dict)
    idle: set[str] = field(default_factory=set)
    values: dict[str, str | bytes] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    lazy: bool = False
    guards: set[str] = field(default_factory=set)

    def inside(self, extra: Mapping[str, str]) -> Surroundings:
        """The same inside a class that bound these names."""
        if not extra:
            return self
        return replace(
            self,
            origins=self.origins.without(set(extra)),
            sorts={**self.sorts, **extra},
            imports=self.imports - extra.keys(),
            members=_without(extra, self.members),
            generics=_without(extra, self.generics),
            values=_without(extra, self.values),
            idle=self.idle - extra.keys(),
            own=frozenset(extra),
        )

    def sort_of(self, node: ast.AST) -> str | None:
        """The sort of an expression's value, None if evaluating it might fail or do something."""
        rule = _RULES.get(node.__class__)
        return None if rule is None else rule(self, node)

    def is_sure(self, *nodes: ast.AST | None) -> bool:
        """Can all of these be evaluated? None stands for nothing."""
        return all(node is None or self.sort_of(node) is not None for node in nodes)

    def hiding(self, names: Iterable[str]) -> Surroundings:
        """The same where these names cannot be told from others: in a class inside the class that bound them."""
        blocked = self.inside(dict.fromkeys(names, UNKNOWN))
        for name in names:
            del blocked.sorts[name]
        return blocked

    def is_hashable(self, node: ast.AST) -> bool:
        """Can the value be the key of a dict?"""
        sort = self.sort_of(node)
        if sort == UNKNOWN and isinstance(node, ast.Name | ast.Attribute):
            self.guards.add("#" + ast.unparse(node))
            return True
        return sort in HASHABLE

    def is_type_variable(self, node: ast.AST) -> bool:
        """Is it the name of a type variable of this file, or of an imported one?"""
        sort = self.sort_of(node) if isinstance(node, ast.Name) else None
        if sort == UNKNOWN:
            self.guards.add("#" + ast.unparse(node) + "[]")
        return sort in ("typevar", UNKNOWN)

    def is_annotation(self, node: ast.expr | None) -> bool:
        """Can an annotation be evaluated?"""
        return node is None or self.lazy or self.sort_of(node) is not None

    def is_sure_header(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        """Can the defaults and annotations of a function be evaluated? Decorators are not looked at."""
        given = node.args
        return (
            not getattr(node, "type_params", None)
            and self.is_sure(*given.defaults, *given.kw_defaults)
            and all(self.is_annotation(argument.annotation) for argument in parameters(given))
            and self.is_annotation(node.returns)
        )

    # -- names

    def _name(self, node: ast.AST) -> str | None:
        assert isinstance(node, ast.Name)
        name = node.id
        if name.startswith("__") and not name.endswith("__") and name not in self.own:
            return None  # another name inside a class
        if name in self.sorts:
            return self.sorts[name]
        if self.origins.bound[name]:
            return None  # bound later, or not in every case
        return NAMESPACE.get(name) or BUILTINS.get(name)

    def dotted(self, node: ast.expr) -> str:
        """The absolute name of what is imported or built in, "" if that is not sure here."""
        first: ast.expr = node
        while isinstance(first, ast.Attribute):
            first = first.value
        if not isinstance(first, ast.Name) or self._name(first) is None:
            return ""
        if first.id not in self.origins.imported and first.id in BUILTINS and not self.origins.bound[first.id]:
            return f"builtins.{ast.unparse(node)}"
        return self.origins.dotted(node)

    def place(self, node: ast.expr) -> str:
        """Where a class was imported from, `.base.Field`; "" if it was not, or if that is not sure here.

        Of `base.Field` it is sure if `base` is a module at the top: a package may have another thing of that name.
        """
        first = node.value if isinstance(node, ast.Attribute) else node
        if not isinstance(first, ast.Name) or first.id not in self.imports or self.sort_of(node) != UNKNOWN:
            return ""
        root = self.origins.place(first)
        return "" if first is not node and "." in root else self.origins.place(node)

    def _attribute(self, node: ast.AST) -> str | None:
        assert isinstance(node, ast.Attribute)
        if isinstance(node.value, ast.Name) and node.value.id in self.members:
            return self.members[node.value.id].get(node.attr)
        first: ast.expr = node
        while isinstance(first, ast.Attribute):
            first = first.value
        if isinstance(first, ast.Name) and first.id in self.imports and first.id in self.sorts:
            name = self.origins.dotted(node)
            if name not in ATTRIBUTES and not settled.is_there(name):
                self.guards.add(ast.unparse(node))
            return ATTRIBUTES.get(name, UNKNOWN)
        if isinstance(node.value, ast.Call) and self.dotted(node.value.func) == "re.compile":
            return "function" if node.attr in calls.PATTERN_METHODS and self.sort_of(node.value) else None
        return PATH_PARTS.get(node.attr) if self.sort_of(node.value) == "path" else None

    # -- values

    def _constant(self, node: ast.AST) -> str | None:
        assert isinstance(node, ast.Constant)
        name = type(node.value).__name__
        return CONSTANTS.get(name, name)

    def _row(self, node: ast.AST) -> str | None:
        assert isinstance(node, ast.Tuple | ast.List)
        sorts = [self._element(part) for part in node.elts]
        if None in sorts:
            return None
        if isinstance(node, ast.List):
            return "list"
        return "tuple" if HASHABLE.issuperset(filter(None, sorts)) else "row"

    def _element(self, node: ast.expr) -> str | None:
        if not isinstance(node, ast.Starred):
            return self.sort_of(node)
        return UNKNOWN if self.sort_of(node.value) in SIZED else None

    def _set(self, node: ast.AST) -> str | None:
        assert isinstance(node, ast.Set)
        return "set" if all(map(self.is_hashable, node.elts)) else None

    def _dict(self, node: ast.AST) -> str | None:
        assert isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True):
            sort = self.sort_of(value)
            if sort is None or (key is None and sort != "dict") or (key is not None and not self.is_hashable(key)):
                return None
        return "dict"

    def _unary(self, node: ast.AST) -> str | None:
        assert isinstance(node, ast.UnaryOp)
        sort = self.sort_of(node.operand)
        if isinstance(node.op, ast.Not):
            return None if sort is None or sort in UNSURE else "bool"
        if isinstance(node.op, ast.Invert):
            return "int" if sort == "int" else None
        return sort if sort in ("int", "float") else None

    def _binary(self, node: ast.AST) -> str | None:
        assert isinstance(node, ast.BinOp)
        if isinstance(node.op, ast.BitOr) and self.is_type(node):
            return "type"
        left, right = self.sort_of(node.left), self.sort_of(node.right)
        if left is None or right is None:
            return None
        if isinstance(node.op, ast.Add | ast.Sub | ast.Mult) and {left, right} <= NUMBERS:
            return "float" if "float" in (left, right) else "int"
        match node.op:
            case ast.Add() if left == right and left in ("str", "bytes", "list", "tuple", "row"):
                return left
            case ast.Mult() if left in ("str", "bytes", "list", "tuple") and is_small(node.right):
                return left
            case ast.Div() if left == "path" and right in ("str", "path"):
                return "path"
            case ast.Div() | ast.FloorDiv() | ast.Mod() if {left, right} <= NUMBERS and is_divisor(node.right):
                return "float"
            case ast.Pow() | ast.LShift() if is_small(node.left) and is_small(node.right, limit=64):
                return "int"
            case ast.BitOr() | ast.BitAnd() | ast.Sub() if left == right and left in ("set", "frozenset", "int"):
                return left
            case ast.BitOr() if left == right == "dict":
                return left
        return None

    def _comparison(self, node: ast.AST) -> str | None:
        assert isinstance(node, ast.Compare)
        sorts = {self.sort_of(part) for part in (node.left, *node.comparators)}
        if None in sorts:
            return None
        plain = sorts <= NUMBERS or sorts in ({"str"}, {"tuple"}, {"bytes"})
        same = (ast.Is, ast.IsNot, *((ast.Eq, ast.NotEq) if UNSURE.isdisjoint(sorts) else ()))
        order = (ast.Lt, ast.LtE, ast.Gt, ast.GtE) if plain and sorts != {"tuple"} else ()
        return "bool" if all(isinstance(op, (*same, *order)) for op in node.ops) or is_version(node) else None

    def _choice(self, node: ast.AST) -> str | None:
        parts = node.values if isinstance(node, ast.BoolOp) else [node.test, node.body, node.orelse]  # type: ignore[attr-defined]
        sorts = [self.sort_of(part) for part in parts]
        if None in sorts or not UNSURE.isdisjoint(sorts[:-1] if isinstance(node, ast.BoolOp) else sorts[:1]):
            return None
        results = set(sorts) if isinstance(node, ast.BoolOp) else set(sorts[1:])
        return results.pop() if len(results) == 1 else UNKNOWN

    def _formatted(self, node: ast.AST) -> str | None:
        assert isinstance(node, ast.JoinedStr)
        for part in node.values:
            if isinstance(part, ast.FormattedValue) and (
                part.format_spec or self.sort_of(part.value) in (None, INSTANCE)
            ):
                return None
        return "str"

    def _lambda(self, node: ast.AST) -> str | None:
        assert isinstance(node, ast.Lambda)
        return "function" if self.is_sure(*node.args.defaults, *node.args.kw_defaults) else None

    def _subscript(self, node: ast.AST) -> str | None:
        return "type" if self.is_type(node) else None

    # -- types

    def is_type(self, node: ast.AST) -> bool:
        """Can the expression be evaluated, and stand where a type is wanted?"""
        if isinstance(node, ast.Constant):
            return node.value is None or (isinstance(node.value, str) and is_expression(node.value))
        if isinstance(node, ast.BinOp):
            sides = (node.left, node.right)
            if not isinstance(node.op, ast.BitOr) or not all(map(self.is_type, sides)):
                return False
            return not all(isinstance(side, ast.Constant) for side in sides) and not any(map(is_text, sides))
        if isinstance(node, ast.Subscript):
            return self._is_generic(node)
        sort = self.sort_of(node) if isinstance(node, ast.Name | ast.Attribute) else None
        if sort == UNKNOWN and self.dotted(node) not in settled.TYPES:  # type: ignore[arg-type]
            self.guards.add("|" + ast.unparse(node))
        return sort in TYPES

    def _is_generic(self, node: ast.Subscript) -> bool:
        base = self.dotted(node.value)
        args = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        module, _, name = base.rpartition(".")
        typing = module in ("typing", "typing_extensions")
        if name == "Callable" and (typing or module == "collections.abc"):
            if len(args) != 2 or not self.is_type(args[1]):
                return False
            first = args[0]
            return text_of(first) == "" and (
                (isinstance(first, ast.Constant) and first.value is ...)
                or (isinstance(first, ast.List) and all(map(self.is_type, first.elts)))
            )
        if typing and name == "Literal":
            return self.is_sure(*args)
        if typing and name == "Annotated":
            return len(args) > 1 and self.is_type(args[0]) and self.is_sure(*args[1:])
        dots = bool(args) and isinstance(args[-1], ast.Constant) and args[-1].value is ...
        if dots and name.lower() == "tuple" and len(args) == 2:
            args = args[:1]
        if not all(map(self.is_type, args)):
            return False
        if generics.takes_anything(base):
            return True
        if isinstance(node.value, ast.Name) and node.value.id in self.generics:
            return len(args) == self.generics[node.value.id]
        if not typing and self.sort_of(node.value) == UNKNOWN and isinstance(node.value, ast.Name | ast.Attribute):
            self.guards.add("|" + ast.unparse(node))
            return True
        return typing and generics.takes(name, len(args))

    # -- calls

    def _call(self, node: ast.AST) -> str | None:
        assert isinstance(node, ast.Call)
        if isinstance(node.func, ast.Name) and node.func.id in self.idle and self._name(node.func) == "class":
            return INSTANCE if not node.args and not node.keywords else None
        name = self.dotted(node.func)
        if name.startswith("pytest.mark.") or name == "pytest.param":
            return self._pytest(node)
        if name in calls.TRIED:
            return calls.TRIED[name] if calls.succeeds(name, node, self.values) else None
        sorts = [self._element(part) for part in node.args]
        keywords = {keyword.arg or "**": self.sort_of(keyword.value) for keyword in node.keywords}
        if None in sorts or None in keywords.values() or "**" in keywords:
            return None
        known = [sort for sort in sorts if sort is not None]
        if any(isinstance(part, ast.Starred) for part in node.args):
            return None
        if name in ("builtins.set", "builtins.frozenset") and len(node.args) == 1 and not keywords:
            part = node.args[0]
            listed = isinstance(part, ast.List | ast.Tuple | ast.Set) and all(map(self.is_hashable, part.elts))
            return name[9:] if listed or known[0] in ("str", "set", "frozenset", "tuple", "dict") else None
        owner = self.sort_of(node.func.value) if isinstance(node.func, ast.Attribute) else None
        if owner in ("path", "str"):
            assert isinstance(node.func, ast.Attribute)
            return calls.sort_of_method(owner, node.func.attr, known) if not keywords else None
        if name in calls.TYPE_VARIABLES:
            if not calls.is_of_one_variance(node.keywords):
                return None
            types = [*node.args[1:], *(option.value for option in node.keywords if option.arg == "bound")]
            return calls.sort_of(name, known, keywords) if all(map(self.is_type, types)) else None
        return calls.sort_of(name, known, keywords)

    def _pytest(self, node: ast.Call) -> str | None:
        """Marks and parameters only keep what they are given; a mark that is not registered is a guard."""
        self.guards.add(ast.unparse(node.func))
        for keyword in node.keywords:
            if keyword.arg is None or (keyword.arg == "id" and not text_of(keyword.value)):
                return None
        sure = self.is_sure(*node.args, *(keyword.value for keyword in node.keywords))
        return UNKNOWN if sure else None


def _without(names: Mapping[str, str], known: dict[str, Any]) -> dict[str, Any]:
    return {name: what for name, what in known.items() if name not in names}


_Rule = Callable[[Surroundings, ast.AST], "str | None"]
_RULES: dict[type[ast.AST], _Rule] = {
    ast.Constant: Surroundings._constant,
    ast.Name: Surroundings._name,
    ast.Attribute: Surroundings._attribute,
    ast.Tuple: Surroundings._row,
    ast.List: Surroundings._row,
    ast.Set: Surroundings._set,
    ast.Dict: Surroundings._dict,
    ast.UnaryOp: Surroundings._unary,
    ast.BinOp: Surroundings._binary,
    ast.Compare: Surroundings._comparison,
    ast.BoolOp: Surroundings._choice,
    ast.IfExp: Surroundings._choice,
    ast.JoinedStr: Surroundings._formatted,
    ast.Lambda: Surroundings._lambda,
    ast.Subscript: Surroundings._subscript,
    ast.Call: Surroundings._call,
}
