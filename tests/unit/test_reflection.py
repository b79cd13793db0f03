"""What code may reach without writing the name."""

from __future__ import annotations

import pytest
from prints import read

HEAD = """
import importlib, inspect, pickle, sys
import tax
import shop
import shop.tax as levy
from shop import rates, Total
from shop import config as settings
"""


def mentions(statement: str) -> set[str]:
    """The mentions with a star of a function that holds the statement."""
    indented = statement.replace("\n", "\n    ")
    return {name for name in read(f"{HEAD}\ndef f(given):\n    {indented}\n").mentions["f"] if name[0] == "*"}


@pytest.mark.parametrize(
    "statement",
    [
        "globals()['x'] = 1",
        "globals()[given] = 1",
        "del globals()['x']",
        "globals().update(x=1)",
        "globals().setdefault('x', given)",
        "globals().get(*given)",
        "names = globals()",
        "[n for n in globals()]",
        "'%s' % globals()",
        "'%(x)s %s' % globals()",
        "'{}'.format(globals())",
        "'{x}'.format(x=globals())",
        "'{f.__globals__}'.format(**globals())",
        "given.format(**globals())",
        "given % globals()",
        "given(globals)",
        "eval(given)",
        "sys.modules[given]",
        "sys.modules[__name__]",
        "list(sys.modules)",
        "sys.modules['__main__']",
        "given.f_globals",
        "given.f_globals[f'{given}']",
        "dict(given.f_locals)",
        "given.f_globals['__builtins__']",
        "sys._getframe(1).f_builtins['eval'](given)",
        "getattr(given, '__globals__')",
        "getattr(given, 'f_globals')['x']",
        "frame = sys._getframe(1)\ngiven(frame)",
        "frame = sys._getframe(1)\nreturn frame",
        "frame = sys._getframe(1)\ngetattr(frame, given)",
        "frame = sys._getframe(1)\nframe.f_globals[given]",
        "frame = sys._getframe(1)\nother = frame.f_back\ngiven(other)",
        "frame = sys._getframe(1)\ndef g(): return frame",
        "global frame\nframe = sys._getframe(1)",
        "given.frame = sys._getframe(1)",
        "(frame := sys._getframe(1)).f_code",
        "given(sys._getframe(1).f_back)",
        "look = sys._getframe",
        "class A:\n    frame = inspect.currentframe()\n    x = frame.f_locals",
        "pickle.loads(given)",
        "given.__subclasses__()",
        "f.__globals__",
        "return sys._getframe(1)",
        "m = importlib.import_module(given)",
        "m = __import__(given)",
        "patch(f'tax.{given}')",
        "given(request.module)",
        "from pickle import loads\nloads(given)",
        "import builtins\nbuiltins.eval(given)",
        "load = importlib.import_module",
        "from importlib import import_module as load\nload(given)",
        "resolve_name(given) * 2",
        "import_string(given)()",
        "with patch(given): pass",
        "patch('{}.RATE'.format(given))",
        "mocker.patch('.'.join(given))",
        "patch.multiple(f'{given}', RATE=1)",
        "monkeypatch.setattr('.'.join(given), 2)",
        "__import__('sys').modules[given]",
        "__annotations__[given]",
    ],
)
def test_what_may_reach_any_name(statement: str) -> None:
    """Namespaces, evaluated text, frames and stored objects lead anywhere."""
    assert "*" in mentions(statement)


@pytest.mark.parametrize(
    "statement",
    ["globals()[given]", "globals().get(given, 1)", "given in globals()", "getattr(sys.modules[__name__], given)"],
)
def test_what_may_reach_any_name_of_the_file_itself(statement: str) -> None:
    """The file's own namespace, asked for a name that only the run knows."""
    found = mentions(statement)
    assert {"*.", "*@"} <= found
    assert "*" not in found


@pytest.mark.parametrize("key", ["f'on_{given}'", "'on_' + given", "'on_' + given + 'x'"])
def test_the_beginning_of_a_name_counts(key: str) -> None:
    """Of the file's own names only those can be meant that begin so."""
    found = mentions(f"globals()[{key}]")
    assert {"*.on_", "*@"} <= found
    assert found.isdisjoint({"*", "*."})


@pytest.mark.parametrize(
    ("statement", "module"),
    [
        ("given(tax.__version__)", "*__version__"),
        ("given(tax)", "*tax"),
        ("given(x=tax)", "*tax"),
        ("return rates", "*rates"),
        ("yield [rates]", "*rates"),
        ("a = levy", "*tax"),
        ("given(settings)", "*config"),
        ("self.module = shop.rates", "*rates"),
        ("a = tax.inner", "*inner"),
        ("a = getattr(tax, 'inner')", "*inner"),
        ("a = globals()['tax']", "*tax"),
        ("a = given.f_globals.get('tax')", "*tax"),
        ("given(sys.modules['shop.tax'])", "*tax"),
        ("a = sys.modules['shop.tax'].__dict__", "*tax"),
        ("getattr(sys.modules['tax'], given)", "*tax"),
        ("a = sys.modules['shop'].inner", "*inner"),
        ("a = importlib.import_module('shop').inner", "*inner"),
        ("globals().get('x', tax)", "*tax"),
        ("'{x} {0}'.format(tax, **globals())", "*tax"),
        ("rates = 1\nclass A:\n    rates = rates\n    given(rates)", "*rates"),
        ("def g():\n    global tax\n    given(tax)\ntax = 1", "*tax"),
        ("def g():\n    import tax\n    given(tax)\ntax = 1", "*tax"),
        ("a = [given(tax) for x in given]", "*tax"),
        ("a = [tax for tax in given(tax)]", "*tax"),
        ("global core\nimport core", "*core"),
        ("getattr(tax, given)", "*tax"),
        ("vars(tax)", "*tax"),
        ("tax.__dict__", "*tax"),
        ("tax.__annotations__", "*tax"),
        ("match tax:\n    case other: pass", "*tax"),
        ("patch.multiple('shop.extra', **given)", "*extra"),
        ("lambda: tax", "*tax"),
        ("[m for m in (given, rates)]", "*rates"),
        ("a = given or tax", "*tax"),
        ("with given(tax): pass", "*tax"),
        ("m = importlib.import_module('shop.extra')", "*extra"),
        ("class A:\n    import shop.extra as e", "*extra"),
        ("patch('shop.extra', autospec=True)", "*extra"),
    ],
)
def test_a_module_that_is_handed_on(statement: str, module: str) -> None:
    """Whoever gets a module may list its names, so handing it on mentions all of them."""
    assert mentions(statement) == {module}


@pytest.mark.parametrize(
    "statement",
    [
        "tax.rate(given)",
        "tax.RATE + 1",
        "tax is None",
        "if tax: pass",
        "getattr(tax, 'RATE', 1)",
        "monkeypatch.setattr(tax, 'RATE', 2)",
        "patch.object(tax, 'RATE')",
        "patch('shop.tax.RATE')",
        "getattr(self, given)",
        "vars(self)",
        "given.__dict__",
        "re.compile(given)",
        "isinstance(given, tax.Total)",
        "except_(given)",
        "importlib.import_module('shop.extra').RATE",
        "importlib.import_module(given)",
        "def g(tax): return tax",
        "vars()",
        "given(local)",
        "'>>> import shop'",
        "client.patch(given)",
        "patch(f'{given}.RATE')",
        "setattr(self, given)",
        "globals()['x']",
        "globals()['tax'].RATE",
        "globals().get('x', 1)",
        "'x' in globals()",
        "'{x}'.format(**globals())",
        "'{x} {0}'.format(given, **vars())",
        "'{x.y}'.format_map(globals())",
        "'%(x)s 5%%' % globals()",
        "'%(x)s' % vars(tax)",
        "vars(tax)['x']",
        "tax.__dict__['x']",
        "tax.__dict__.get('x', 1)",
        "given.__globals__['x']",
        "sys.modules['tax'].RATE",
        "'tax' in sys.modules",
        "given not in sys.modules",
        "sys._getframe(1).f_globals['__name__']",
        "sys._getframe(1).f_code.co_name",
        "frame = sys._getframe(1)\nmodule = frame.f_globals.get('__name__')",
        "frame = inspect.currentframe()\nwhile frame:\n    frame = frame.f_back\n    frame.f_locals['x']",
        "for tax in given: given(tax)",
        "a = [given(tax) for tax in given]",
        "tax = given()\ndef g(): return tax",
        "eval = given\neval(1)",
        "def g(dir): return given(dir)",
        "given(getattr(self, 'tax'))",
    ],
)
def test_what_stays_with_its_names(statement: str) -> None:
    """Attributes and names that are written down are mentions of themselves and of nothing more."""
    assert mentions(statement) == set()


def test_a_name_that_is_looked_up_by_its_text() -> None:
    """What is written in brackets is mentioned, like an attribute."""
    source = read(
        "import sys\ndef f():\n    globals()['a']\n    sys._getframe(1).f_globals.get('b')\n    'c' in vars(m)\n"
        "    '{d.e}'.format(**globals())\n    '%(g)s' % vars()\n"
    )
    assert set("abcdeg") <= source.mentions["f"]


def test_names_in_texts_of_code() -> None:
    """A text that is run, or evaluated as a type, mentions what stands in it."""
    code = 'def f(a: "list[Rate]"):\n    run("import shop; print(shop.tax.LIMIT)")\n    "a sentence about Total"\n'
    source = read(code)
    assert {"shop", "tax", "LIMIT"} <= source.mentions["f"]
    assert "Total" not in source.mentions["f"]
    assert "Rate" in source.uses["f"]


def test_module_level_code_mentions_for_everybody() -> None:
    """A registry made while importing reaches what it names; an import by itself reaches nothing."""
    source = read("import tax\nfrom shop import Total\nREGISTRY = make(Total, tax)\n")
    assert {"Total", "make", "*tax"} <= source.mentions[""]
    assert read("import tax\nfrom shop import Total\n").mentions[""] == frozenset()


def test_an_alias_leads_to_what_it_stands_for() -> None:
    """A name that was imported under another, also as a module that is handed on."""
    source = read("import shop.tax as levy\nfrom shop import rate as r\n")
    assert source.uses["levy"] == {"shop", "tax", "&shop", "&tax"}
    assert source.uses["r"] == {"rate", "&rate"}
    assert source.uses["*levy"] == {"*tax"}
