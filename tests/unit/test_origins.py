"""Which headers and class statements provably have no effect on other code."""

from __future__ import annotations

import pytest
from prints import is_separable, read

from testcache.code.source import Source


def read_test(code: str) -> Source:
    return read(code, collected=True)


@pytest.mark.parametrize(
    ("header", "alone"),
    [
        ("def test_a():", True),
        ("@pytest.mark.x\ndef test_a():", True),
        ("@pytest.mark.x(1, y='z')\ndef test_a():", True),
        ("@pytest.mark.x.with_args(1)\ndef test_a():", True),
        ("@pytest.mark.parametrize('x', [len(LIMITS), *range(3), -1, not LIMITS])\ndef test_a(x):", True),
        ("@pytest.mark.parametrize('x', sorted({1: 2}, key=lambda k: -k))\ndef test_a(x):", True),
        ("@pytest.mark.parametrize('x', sorted({1: 2}, key=lambda k: add(k)))\ndef test_a(x):", False),
        ("@pytest.mark.parametrize('x', [f'{n}' for n in LIMITS if n > 1])\ndef test_a(x):", True),
        ("@pytest.mark.parametrize('x', [lambda: add(1)])\ndef test_a(x):", True),
        ("@pytest.mark.parametrize('x', [lambda y=add(1): 2])\ndef test_a(x):", False),
        ("@pytest.mark.parametrize('x', [add(1)])\ndef test_a(x):", False),
        ("@pytest.mark.parametrize('x', [LIMITS.pop()])\ndef test_a(x):", False),
        ("@pytest.mark.parametrize('x', [(y := 1)])\ndef test_a(x):", False),
        ("@pytest.mark.parametrize('x', [type('T', (), {})])\ndef test_a(x):", False),
        ("@pytest.mark.skipif(type(LIMITS) is list, reason='x')\ndef test_a():", True),
        ("@add\ndef test_a():", False),
        ("@add.mark.x\ndef test_a():", False),
        ("@pytest.register\ndef test_a():", False),
        ("@pytest.mark.x\n@add(1)\ndef test_a():", False),
        ("@unittest.skip('x')\ndef test_a():", True),
        ("@mock.patch('a.b')\n@mock.patch.object(LIMITS, 'x')\ndef test_a():", True),
        ("def test_a(x=1, *, y=[2]):", True),
        ("def test_a(x=add(1)):", False),
        ("def test_a(*, x=add(1)):", False),
        ("def test_a(x: list[int], *y: 'int') -> None:", True),
        ("def test_a(x: add(1)):", False),
        ("def test_a() -> add(1):", False),
        ("def helper_a():", False),
        ("@pytest.mark.x\ndef helper_a():", False),
        ("@pytest.fixture\ndef a():", True),
        ("@pytest.fixture()\ndef a():", True),
        ("@pt.fixture(params=[1, 2], ids=str)\ndef a():", True),
        ("@fixture(autouse=False)\ndef a():", True),
        ("@renamed\ndef a():", True),
        ("@pytest.yield_fixture\ndef a():", True),
        ("@pytest_asyncio.fixture\nasync def a():", True),
        ("@pytest.fixture(autouse=True)\ndef a():", False),
        ("@pytest.fixture(autouse=LIMITS)\ndef a():", False),
        ("@pytest.fixture(autouse=True)\ndef test_a():", False),
        ("@pytest.fixture(name='b')\ndef a():", False),
        ("@pytest.fixture(name='b')\ndef test_a():", False),
        ("@pytest.fixture(**LIMITS)\ndef a():", False),
        ("@pytest.fixture(params=add(1))\ndef a():", False),
        ("@shadowed.fixture\ndef a():", False),
        ("@elsewhere\ndef a():", False),
        ("@unknown.fixture\ndef a():", False),
    ],
)
def test_only_headers_without_effect_are_separable(header: str, alone: bool) -> None:
    """Decorators, defaults and annotations must provably change nothing but the function."""
    code = (
        "import pytest, unittest, pytest_asyncio\n"
        "import pytest as pt\n"
        "from pytest import fixture, fixture as renamed\n"
        "from unittest import mock\n"
        "from factory import fixture as elsewhere\n"
        "import pytest as shadowed\n"
        "shadowed = 1\n"
        "LIMITS = [1]\n"
        "def add(x): LIMITS.append(x); return x\n"
        f"{header}\n    pass\n"
    )
    name = header.rpartition("def ")[2].partition("(")[0]
    assert is_separable(code, name) is alone


def test_shadowed_builtins_are_not_trusted() -> None:
    """A module that makes its own `len` may do anything in it."""
    test = "@pytest.mark.parametrize('x', [len('a')])\ndef test_a(x): pass\n"
    assert is_separable(f"import pytest\n{test}", "test_a")
    assert not is_separable(f"import pytest\ndef len(x): pass\n{test}", "test_a")
    assert not is_separable(f"import pytest\nfrom x import y as len\n{test}", "test_a")


@pytest.mark.parametrize(
    ("header", "body", "alone"),
    [
        ("class TestX:", "pass", True),
        ("class TestX():", "'Doc.'", True),
        ("class TestX(object):", "x = 1", True),
        ("class TestX(unittest.TestCase):", "x: int = 1", True),
        ("class Other(unittest.TestCase):", "x: int", True),
        ("class Other(IsolatedAsyncioTestCase):", "pass", True),
        ("@pytest.mark.x\nclass TestX:", "pass", True),
        ("class Other:", "pass", False),
        ("class TestX(Base):", "pass", False),
        ("class TestX(DjangoCase):", "pass", False),
        ("class TestX(metaclass=Base):", "pass", False),
        ("@Base\nclass TestX:", "pass", False),
        ("class TestX:", "x = Base()", False),
        ("class TestX:", "Base.x = 1", False),
        ("class TestX:", "x, y = 1, 2", False),
        ("class TestX:", "x += 1", False),
        ("class TestX:", "print(1)", False),
        ("class TestX:", "if Base: pass", False),
        ("class TestX:", "import os", False),
        ("class TestX:", "class Meta: x = 1", True),
        ("class TestX:", "class Meta(Base): x = 1", False),
        ("class TestX:", "class Meta: x = Base()", False),
        ("class TestX:", "@staticmethod\n    def f(x): pass", True),
        ("class TestX:", "@Base\n    def f(x): pass", False),
        ("class TestX:", "def f(x=Base()): pass", False),
        ("class TestX:", "pytest = Base\n    @pytest.fixture\n    def f(x): pass", False),
        ("class TestX:", "f = lambda self: Base()", True),
    ],
)
def test_only_classes_without_effect_are_separable(header: str, body: str, alone: bool) -> None:
    """A class statement must provably change nothing but the class, down to its methods' decorators."""
    code = (
        "import pytest, unittest\n"
        "from unittest import IsolatedAsyncioTestCase\n"
        "from django.test import TestCase as DjangoCase\n"
        "class Base: pass\n"
        f"{header}\n    {body}\n"
    )
    name = header.rpartition("class ")[2].partition("(")[0].rstrip(":")
    assert (name in read_test(code).blocks) is alone
    rest = read_test(code.partition(header)[0])
    assert (rest.body == read_test(code).body) is (alone or name in read_test(code).definitions)
