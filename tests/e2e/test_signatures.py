"""A docstring and annotations concern who may look at a function, not who calls it; parameters concern both.

Which constant a default is concerns who runs it, too, but not who only mentions it.
"""

from __future__ import annotations

import pytest
from harness import Project

SHOP = '''
def rate(amount: int) -> int:
    """Told."""
    return amount

def total(amount): return rate(amount)
'''
CALLS = """
import shop
from shop import rate
def test_name(): assert rate(1) == 1
def test_attribute(): assert shop.rate(1) == 1
def test_through(): assert shop.total(1) == 1
def test_late():
    from shop import rate
    assert rate(1) == 1
"""
LOOKS = {
    "itself": "rate.__doc__ == 'Told.'",
    "as an attribute": "inspect.getdoc(shop.rate) == 'Told.'",
    "by a text": "getattr(shop, 'rate').__doc__ == 'Told.'",
    "by a name that is put together": "getattr(shop, 'ra' + 'te').__doc__ == 'Told.'",
    "among all": "[f.__doc__ for f in vars(shop).values() if callable(f)][0] == 'Told.'",
    "under another name": "other.__doc__ == 'Told.'",
    "in a table": "TABLE[0].__doc__ == 'Told.'",
    "by a default": "described() == 'Told.'",
    "in a partial": "functools.partial(rate).func.__doc__ == 'Told.'",
    "of a decorated one": "functools.wraps(rate)(lambda: 0).__doc__ == 'Told.'",
    "a specification": "str(inspect.signature(mock.create_autospec(shop).rate)) == '(amount: int) -> int'",
    "its types": "typing.get_type_hints(rate) == {'amount': int, 'return': int}",
    "its signature": "str(inspect.signature(shop.rate)) == '(amount: int) -> int'",
    "a dispatcher": "functools.singledispatch(lambda x: 0).register(rate)(1) == 1 and kind(1) == 'int'",
}
HEAD = """
import functools, inspect, typing
from unittest import mock
import shop
from shop import rate
from shop import rate as other
TABLE = [rate]
def described(what=rate): return what.__doc__
def kind(value):
    found = functools.singledispatch(lambda x: 'any')
    found.register(rate)
    return 'int' if found(value) == value else 'any'
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Told.", "Told again."),
        ('    """Told."""\n', ""),
        ("amount: int", "amount: float"),
        (" -> int:", ":"),
    ],
)
def test_who_only_calls_it_need_not_run(project: Project, old: str, new: str) -> None:
    """It cannot tell."""
    project.write("shop.py", SHOP)
    project.write("test_it.py", CALLS)
    project.run()
    project.edit("shop.py", old, new)
    assert project.run().executed == set()
    project.edit("shop.py", "(amount" + (": float" if "float" in new else ": int"), "(price")
    assert len(project.run().executed) == len(CALLS.split("def test")) - 1


def test_who_looks_at_it_runs(project: Project) -> None:
    """By whatever way it comes upon the function."""
    project.write("shop.py", SHOP)
    tests = [f"def test_{at}(): assert {look}\n" for at, look in enumerate(LOOKS.values())]
    project.write("test_it.py", HEAD + "".join(tests))
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("shop.py", "Told.", "Told again.")
    project.edit("shop.py", "(amount: int) -> int", "(amount: str) -> str")
    run = project.run()
    stale = {name for at, name in enumerate(LOOKS) if run.outcomes[f"test_it.py::test_{at}"] != "failed"}
    assert stale == set()


TAXED = """
SIZE = 3
def rate(amount=2, share=(1, -1), *, kind="full"): return amount * share[1] + len(kind)
def needs(amount): return amount
def yields(amount=2):
    yield amount
async def waits(amount=2): return amount
def never(): return rate() + needs(1) + next(yields())
total = rate
"""
RUNS = {
    "calls": "rate() == 2",
    "by keyword": "shop.rate(1) == 3",
    "under another name": "other() == 2",
    "as a value": "total() == 2",
    "in a table": "TABLE[0]() == 2",
}
SEES = {
    "itself": "rate.__defaults__ == (2, (1, -1))",
    "a keyword": "shop.rate.__kwdefaults__ == {'kind': 'full'}",
    "its signature": "str(inspect.signature(rate)) == \"(amount=2, share=(1, -1), *, kind='full')\"",
    "a specification": "inspect.signature(mock.create_autospec(shop).rate).parameters['amount'].default == 2",
    "by a name that is put together": "getattr(shop, 'ra' + 'te').__defaults__[0] == 2",
    "among all": "[f.__defaults__ for f in vars(shop).values() if callable(f)][0][0] == 2",
    "in a partial": "functools.partial(rate).func.__defaults__[0] == 2",
    "of a decorated one": "inspect.signature(functools.wraps(rate)(lambda: 0)).parameters['amount'].default == 2",
    "as a value": "total.__defaults__[0] == 2",
}
MENTIONS = """
import functools, inspect
from unittest import mock
import shop
from shop import rate, total
from shop import rate as other
TABLE = [rate]
def test_mentions(): assert shop.SIZE or rate() or shop.rate(3) or shop.never()
"""


@pytest.mark.parametrize(
    ("old", "new"), [("amount=2, share", "amount=5, share"), ("(1, -1)", "(1, -4)"), ('"full"', '"partly"')]
)
def test_which_constant_a_default_is(project: Project, old: str, new: str) -> None:
    """Whoever runs the function or looks at it runs again; not who mentions a call that does not happen."""
    project.write("shop.py", TAXED)
    looks = [*RUNS.values(), *SEES.values()]
    project.write("test_it.py", MENTIONS)
    project.write("test_looks.py", MENTIONS.partition("def test")[0] + "".join(
        f"def test_{at}(): assert {look}\n" for at, look in enumerate(looks)))  # fmt: skip
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("shop.py", old, new)
    run = project.run()
    plain = project.run("--cached=off")
    assert run.outcomes == plain.outcomes
    assert "failed" in run.outcomes.values()
    assert "test_it.py::test_mentions" not in run.executed


HEADERS = """
import pytest
from shop import rate
@pytest.mark.skipif(rate.__defaults__[0] != 2, reason="other")
def test_mark():
    rate = 3
    assert rate
def test_default(rate=rate): assert rate.__defaults__[0] == 2
class TestIn:
    def test_keyword(self, *, rate=rate.__defaults__): assert rate[0] == 2
@pytest.fixture(params=[rate.__defaults__[0]], ids=["one"])
def given(request):
    rate = request.param
    return rate
def test_fixture(given): assert given == 2
"""


def test_a_header_is_no_part_of_its_function(project: Project) -> None:
    """A mark or a default may read a name that is a variable of the test itself."""
    project.write("shop.py", TAXED)
    project.write("test_it.py", HEADERS)
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("shop.py", "amount=2, share", "amount=5, share")
    run = project.run()
    assert run.outcomes == project.run("--cached=off").outcomes
    assert sorted(run.outcomes.values()) == ["failed", "failed", "failed", "skipped"]


LAZY = """
import pytest, shop
def test_yields(): assert shop.yields().gi_frame.f_locals == {"amount": 2}
def test_waits():
    waiting = shop.waits()
    assert waiting.cr_frame.f_locals == {"amount": 2}
    waiting.close()
def test_needs():
    with pytest.raises(TypeError): shop.needs()
"""


def test_a_call_that_runs_nothing_tells_of_a_default(project: Project) -> None:
    """That of a generator or a coroutine, and one without the parameters that there must be."""
    project.write("shop.py", TAXED)
    project.write("test_it.py", LAZY)
    assert project.run().exit == 0
    assert project.run().executed == set()
    for old, new in (("yields(amount=2", "yields(amount=3"), ("waits(amount=2", "waits(amount=3")):
        project.edit("shop.py", old, new)
    project.edit("shop.py", "needs(amount)", "needs(amount=1)")
    assert set(project.run().outcomes.values()) == {"failed"}


CHECKING = """
import importlib.machinery, sys

class Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module):
        super().exec_module(module)
        original = module.rate
        module.rate = lambda x: original(x) if isinstance(x, original.__annotations__["amount"]) else None

class Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        spec = super().find_spec(name, path, target) if name == "shop" else None
        if spec is not None: spec.loader = Loader(name, spec.origin)
        return spec

sys.meta_path.insert(0, Finder)
"""


READ = """
    def source_to_code(self, data, path, *, _optimization=-1):
        tree = ast.parse(data)
        for node in [*ast.walk(tree)]:
            if isinstance(node, ast.FunctionDef):
                for at, step in reversed([*enumerate(node.body)]):
                    if isinstance(step, ast.AnnAssign):
                        check = f"assert isinstance({step.target.id}, {ast.unparse(step.annotation)})"
                        node.body.insert(at + 1, ast.parse(check).body[0])
        return compile(ast.fix_missing_locations(tree), path, "exec")

class Finder"""
HOW, _, REST = CHECKING.partition("    def exec_module")
READING = f"import ast{HOW}{READ}{REST.partition('class Finder')[2]}"
COUNTING = """
import kinds
def total(amounts):
    found: kinds.Amount = sum(amounts)
    return found
def other(): return 1
"""
COUNTS = """
import shop
def test_total(): assert shop.total([1]) == 1
def test_listed(): assert callable(vars(shop)["total"]) and eval("shop").total([1]) == 1
def test_other(): assert shop.other() == 1
"""


@pytest.mark.parametrize(
    ("old", "new"), [(": kinds.Amount =", " ="), ("kinds.Amount", "kinds.Other"), (": kinds.Amount", ": 'Amount'")]
)
def test_what_a_variable_is_annotated_with(project: Project, old: str, new: str) -> None:
    """Nobody evaluates it in a function, so it is no matter; without a value it makes a variable."""
    project.write("kinds.py", "Amount = int\nOther = str\n")
    project.write("shop.py", COUNTING)
    project.write("test_it.py", COUNTS)
    assert project.run().exit == 0
    project.edit("shop.py", old, new)
    assert project.run().executed == set()
    project.edit("shop.py", "    return found", "    found: int\n    return found")
    assert project.run().executed == {"test_it.py::test_total", "test_it.py::test_listed"}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [("shop.py", "kinds.Amount", "kinds.Other"), ("kinds.py", "Amount = int", "Amount = str")],
)
def test_a_loader_that_makes_checks_of_variables(project: Project, file: str, old: str, new: str) -> None:
    """As that of typeguard does: what they are annotated with is evaluated there."""
    project.write("checking.py", READING)
    project.write("conftest.py", "import checking\n")
    project.write("kinds.py", "Amount = int\nOther = str\n")
    project.write("shop.py", COUNTING)
    project.write("test_it.py", COUNTS)
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit(file, old, new)
    assert project.run().outcomes["test_it.py::test_total"] == "failed"


def test_a_loader_that_makes_checks_of_annotations(project: Project) -> None:
    """As those of typeguard and beartype do: calls come out otherwise."""
    project.write("checking.py", CHECKING)
    project.write("conftest.py", "import checking\n")
    project.write("shop.py", SHOP)
    project.write("test_it.py", "from shop import rate\ndef test_it(): assert rate(1) == 1\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("shop.py", "amount: int", "amount: str")
    assert project.run().exit == 1


FIXTURES = """
import pytest

@pytest.fixture
def price():
    'Told.'
    return 1

def test_price(price): assert price == 1
"""
ASKS = """
import inspect
def test_it(request, price):
    how = request._get_active_fixturedef("price").func
    assert {} == "Told."
"""


@pytest.mark.parametrize("how", ["how.__doc__", "inspect.getdoc(how)"])
def test_what_a_fixture_is_told_to_be(project: Project, how: str) -> None:
    """Its docstring is for who lists fixtures; and for who asks for it."""
    project.write("conftest.py", FIXTURES.partition("\ndef test")[0] + "\n")
    project.write("test_it.py", ASKS.format(how))
    project.write("test_price.py", FIXTURES)
    project.write("test_more.py", "def test_more(price): assert price == 1\n")
    assert project.run().exit == 0
    project.edit("conftest.py", "Told.", "Told again.")
    project.edit("test_price.py", "Told.", "Told again.")
    run = project.run()
    assert (run.executed, run.outcomes["test_it.py::test_it"]) == ({"test_it.py::test_it"}, "failed")
