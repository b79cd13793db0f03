"""What a dotted name in a file refers to, and which expressions have no effect when evaluated."""

from __future__ import annotations

import ast
from collections import Counter

from testcache.code.outline import Function, Outline
from testcache.structs import Struct

FIXTURES = frozenset({"pytest.fixture", "pytest.yield_fixture", "pytest_asyncio.fixture"})
TEST_CASES = frozenset(
    f"unittest.{module}{name}"
    for module, name in (
        ("", "TestCase"),
        ("case.", "TestCase"),
        ("", "IsolatedAsyncioTestCase"),
        ("async_case.", "IsolatedAsyncioTestCase"),
    )
)
_DECORATORS = FIXTURES | {
    "builtins.staticmethod",
    "builtins.classmethod",
    "builtins.property",
    "unittest.skip",
    "unittest.skipIf",
    "unittest.skipUnless",
    "unittest.expectedFailure",
    "unittest.mock.patch",  # it only wraps the function; what it patches it looks up in the call
    "unittest.mock.patch.object",
    "unittest.mock.patch.dict",
    "unittest.mock.patch.multiple",
}
_CALLS = frozenset(
    (  # noqa: SIM905
        "range list dict tuple set frozenset str int float len zip sorted enumerate reversed bool bytes type object"
    ).split()
)
_BUILTINS = _CALLS | {"staticmethod", "classmethod", "property"}
_HARMLESS = (
    ast.Constant,
    ast.Name,
    ast.Attribute,
    ast.Tuple,
    ast.List,
    ast.Set,
    ast.Dict,
    ast.UnaryOp,
    ast.BinOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Subscript,
    ast.Slice,
    ast.Starred,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.comprehension,
    ast.keyword,
    ast.expr_context,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
)


class Origins(Struct, frozen=True):
    """Where the names of a module come from.

    Attributes:
        bound: how often the module binds each name outside functions.
        imported: the absolute dotted name behind each name that only imports bind, all alike.
        relative: the same for relative imports, with their dots: `.base.Field`.
    """

    bound: Counter[str]
    imported: dict[str, str]
    relative: dict[str, str]

    def dotted(self, node: ast.expr) -> str:
        """The absolute name of a dotted expression, `builtins.x` for a built-in one; "" if unknown."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        root = self.imported.get(node.id)
        if root is None:
            if node.id not in _BUILTINS or self.bound[node.id]:
                return ""
            root = f"builtins.{node.id}"
        return ".".join([root, *reversed(attributes)])

    def place(self, node: ast.expr) -> str:
        """Where a dotted expression was imported from: `shop.tax.Rate` or `.tax.Rate`; "" if it was not."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        root = (self.imported.get(node.id) or self.relative.get(node.id)) if isinstance(node, ast.Name) else None
        return ".".join([root, *reversed(attributes)]) if root else ""

    def is_known(self, name: str) -> bool:
        """Can evaluating the name give nothing else, wherever it stands? Only pytest's and built-in names."""
        if name in self.imported:
            return self.imported[name].partition(".")[0] in ("pytest", "pytest_asyncio", "unittest")
        return name in _BUILTINS and not self.bound[name]

    def without(self, names: set[str]) -> Origins:
        """The origins as seen inside a class that binds these names."""
        if names.isdisjoint({*self.imported, *self.relative, *_BUILTINS}):
            return self
        imported, relative = (
            {name: origin for name, origin in known.items() if name not in names}
            for known in (self.imported, self.relative)
        )
        return Origins(self.bound + Counter(names), imported, relative)

    def is_harmless_decorator(self, node: ast.expr) -> bool:
        """Does decorating with it change nothing but the function itself?"""
        function = node
        if isinstance(node, ast.Call):
            function = node.func
            if not all(map(self.is_pure, (*node.args, *node.keywords))):
                return False
        name = self.dotted(function)
        return name.startswith("pytest.mark.") or name in _DECORATORS

    def is_harmless_header(self, node: Function) -> bool:
        """Can the `def` run without any effect, and without being seen by other code?"""
        parameters = node.args
        arguments = [*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs]
        arguments += [argument for argument in (parameters.vararg, parameters.kwarg) if argument]
        expressions = [argument.annotation for argument in arguments]
        expressions += [*parameters.defaults, *parameters.kw_defaults, node.returns]
        return (
            not getattr(node, "type_params", None)
            and all(map(self.is_harmless_decorator, node.decorator_list))
            and all(self.is_pure(expression) for expression in expressions if expression is not None)
        )

    def is_pure(self, root: ast.AST) -> bool:
        """Can evaluating the expression change nothing that others see?

        A lambda may hold anything, for making one runs nothing; but not inside `sorted`, which
        calls its key. Does not see operators and `__str__` that a project gave an effect.
        """
        pending: list[tuple[ast.AST, bool]] = [(root, False)]
        while pending:
            node, called = pending.pop()
            if isinstance(node, ast.Lambda):
                parts = [*node.args.defaults, *(value for value in node.args.kw_defaults if value)]
                pending += [(part, called) for part in parts]
                if called:
                    pending.append((node.body, called))
                continue
            if isinstance(node, ast.Call):
                name = self.dotted(node.func)
                if not self._is_pure_call(name, node):
                    return False
                called = called or name == "builtins.sorted"
                pending += [(part, called) for part in (*node.args, *node.keywords)]
                continue
            if not isinstance(node, _HARMLESS) or (isinstance(node, ast.comprehension) and node.is_async):
                return False
            pending += [(child, called) for child in ast.iter_child_nodes(node)]
        return True

    @staticmethod
    def _is_pure_call(name: str, call: ast.Call) -> bool:
        if name == "builtins.type":
            return len(call.args) == 1 and not call.keywords  # with three it makes a class
        module, _, function = name.rpartition(".")
        return (module == "builtins" and function in _CALLS) or name == "pytest.param" or module == "pytest.mark"


def trace(outline: Outline, bound: Counter[str]) -> Origins | None:
    """Find the origins of a module's names; None after a star import, which may bind any name.

    `bound` counts what the module binds in other ways than by import; it is added to.
    """
    imported: dict[str, str] = {}
    for name in bound:
        imported[name] = ""
    for statement in outline.imports:
        for alias in statement.names:
            if alias.name == "*":
                return None
            if isinstance(statement, ast.ImportFrom):
                name = alias.asname or alias.name
                module = f"{statement.module}." if statement.module else ""
                origin = f"{'.' * statement.level}{module}{alias.name}"
            else:
                name = alias.asname or alias.name.partition(".")[0]
                origin = alias.name if alias.asname else name
            bound[name] += 1
            if imported.setdefault(name, origin) != origin:
                imported[name] = ""
    return Origins(
        bound,
        {name: origin for name, origin in imported.items() if origin and origin[0] != "."},
        {name: origin for name, origin in imported.items() if origin and origin[0] == "."},
    )
