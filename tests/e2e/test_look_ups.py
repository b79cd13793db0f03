"""Names that are looked up by a text, and modules whose names are listed: real runs, both sides."""

from __future__ import annotations

import pytest
from harness import Project

CORE = """
import asker

RATE = 3
OTHER = 5

def own(): return globals()["RATE"]
def formatted(): return int("{RATE}".format(**globals()))
def shown(): return "%s" % globals()
def caller(): return asker.frame()
def chained(): return asker.chained()
def handed(): return asker.handed()
def kept(): return asker.kept()
"""

ASKER = """
import sys

def frame():
    frame = sys._getframe(1)
    return frame.f_globals.get("RATE")

def chained():
    def inner(): return sys._getframe(1).f_back.f_globals["RATE"]
    return inner()

def handed(): return names_of(sys._getframe(1))
def names_of(frame): return list(frame.f_globals)
def kept():
    frame = sys._getframe(1)
    return (lambda: names_of(frame))()

def names(module): return sorted(vars(module))
def deep(module):
    inner = [value for value in vars(module).values() if type(value) is type(module)]
    return [sorted(vars(one)) for one in inner if one.__name__ == "core"]
"""

WRITTEN = {
    "own": "import core\nVALUE = core.own",
    "formatted": "import core\nVALUE = core.formatted",
    "percent": "import core\ndef VALUE(): return int('%(RATE)s' % vars(core))",
    "caller": "import core\nVALUE = core.caller",
    "chained": "import core\nVALUE = core.chained",
    "vars": "import core\ndef VALUE(): return vars(core)['RATE']",
    "dict": "import core\ndef VALUE(): return core.__dict__.get('RATE', 0)",
    "getattr": "import core\ndef VALUE(): return getattr(core, 'RATE')",
    "modules": "import core, sys\ndef VALUE(): return sys.modules['core'].RATE",
    "function": "import core\ndef VALUE(): return core.own.__globals__['RATE']",
}
"""What reads RATE by a text, and nothing else of the module."""

LISTED = {
    "vars": "import core\ndef VALUE(): return list(vars(core))",
    "dynamic": "import core\ndef VALUE(): return [n for n in core.own.__globals__ if n.isupper()]",
    "shown": "import core\nVALUE = core.shown",
    "handed": "import asker, core\ndef VALUE(): return asker.names(core)",
    "getattr": "import asker, holder\ndef VALUE(): return asker.names(getattr(holder, 'core'))",
    "modules": "import asker, core, sys\ndef VALUE(): return asker.names(sys.modules['core'])",
    "text": "import asker, holder\ndef VALUE(): return asker.names(vars(holder)['core'])",
    "deep": "import asker, holder\ndef VALUE(): return asker.deep(holder)",
    "renamed": "import asker, renamed\ndef VALUE(): return asker.deep(renamed)",
    "package": "import asker, box.part\ndef VALUE(): return asker.deep(box.part)",
    "inner": "import asker, holder\ndef VALUE():\n    core = 1\n    def g():\n        import core\n"
    "        return asker.names(core)\n    return g()",
    "global": "import asker, core\ndef VALUE():\n    class A:\n        core = core\n        got = asker.names(core)\n"
    "    return A.got",
    "listed_in": "import asker, core\ndef VALUE(): return [asker.names(m) for m in (core,)]",
    "examples": "import doctest, documented\ndef VALUE(): return doctest.testmod(documented).failed and 'ADDED'",
    "star": "import asker, star\ndef VALUE(): return asker.names(star)",
    "frame": "import core\nVALUE = core.handed",
    "kept": "import core\nVALUE = core.kept",
}
"""What comes out differently as soon as there is one more name in the module."""


@pytest.fixture
def looks(project: Project) -> Project:
    """A module for each way to look, and a test of each, recorded once."""
    project.write("core.py", CORE)
    project.write("asker.py", ASKER)
    project.write("holder.py", "import core\nA = 1\n")
    project.write("renamed.py", "import core as c\nA = 1\n")
    project.write("star.py", "from core import *\n")
    project.write("box/__init__.py", "")
    project.write("box/part.py", "try:\n    from holder import core\nexcept ImportError:\n    core = None\n")
    example = "\n    >>> import core\n    >>> 'ADDED' in vars(core)\n    False\n    "
    project.write("documented.py", f'def f():\n    """{example}"""\n')
    wanted = [("written", WRITTEN, "got == 3"), ("listed", LISTED, "'ADDED' not in repr(got)")]
    for sort, cases, claim in wanted:
        for name, code in cases.items():
            module = f"{sort}_{name}"
            project.write(f"{module}.py", f"{code}\n")
            project.write(
                f"test_{module}.py",
                f"import {module}\ndef test_it():\n    got = {module}.VALUE()\n    assert {claim}\n",
            )
    first = project.run()
    assert {test for test, outcome in first.outcomes.items() if outcome != "passed"} == set()
    assert (first.exit, first.executed) == (0, _tests("written", WRITTEN) | _tests("listed", LISTED))
    return project


def _tests(sort: str, cases: dict[str, str]) -> set[str]:
    return {f"test_{sort}_{name}.py::test_it" for name in cases}


def test_a_name_is_found_by_its_text(looks: Project) -> None:
    """Its value changes: whoever asks for that name by a text runs, and fails."""
    looks.edit("core.py", "RATE = 3", "RATE = 4")
    edited = looks.run()
    assert {test for test, outcome in edited.outcomes.items() if outcome == "failed"} == _tests("written", WRITTEN)
    assert edited.executed >= _tests("written", WRITTEN)


def test_a_new_name_concerns_who_lists_names(looks: Project) -> None:
    """It appears in each list of names; nobody who asks for another one by a text can tell."""
    looks.edit("core.py", "OTHER = 5", "OTHER = 5\nADDED = 1")
    edited = looks.run()
    assert {test for test, outcome in edited.outcomes.items() if outcome == "failed"} == _tests("listed", LISTED)
    assert edited.executed == _tests("listed", LISTED)


@pytest.mark.parametrize(
    ("old", "new", "runs"),
    [
        ("return 2", "return 3", False),
        ("return 1", "return 1 + 0", True),
        ("def unused", "ADDED = 1\ndef unused", True),
        ("unused(a=1)", "unused(a=2)", False),
        ("LIMIT = 3", "LIMIT = 4", False),
        ("LIMIT = 3", "class LIMIT: pass", True),
        ("LIMIT = 3", "LIMIT = 3\n__all__ = ['used', 'unused']", True),
        ("LIMIT = 3", "unused = LIMIT = 3", True),
        ("def unused", "# a remark\ndef unused", False),
    ],
)
def test_a_star_takes_over_names_and_not_bodies(project: Project, old: str, new: str, runs: bool) -> None:
    """What stands behind a name counts for those who may reach it, however it is imported."""
    project.write("core.py", "LIMIT = 3\ndef used(): return 1\ndef unused(a=1): return 2\n")
    project.write("star.py", "from core import *\n")
    project.write("test_star.py", "import star\ndef test_it(): assert star.used() == 1\n")
    project.run()
    project.edit("core.py", old, new)
    assert project.run().executed == ({"test_star.py::test_it"} if runs else set())


BY_STAR = {
    "a name": "import star\ndef test_it(): assert star.LIMIT == 3\n",
    "a name of one's own": "from star import *\ndef test_it(): assert LIMIT == 3\n",
    "a value": "import star\nDOUBLE = star.with_default() * 2\ndef test_it(): assert DOUBLE == 6\n",
    "a list": "import star\ndef test_it(): assert 3 in vars(star).values()\n",
    "a part of a name": "from star import *\ndef test_it(): assert globals()['LIM' + 'IT'] == 3\n",
    "a text": "import star\ndef test_it(): assert getattr(star, 'LIM' + 'IT') == 3\n",
    "a class": "import star\ndef test_it(): assert star.Box().size == 3\n",
    "a module by a text": "import importlib as i\ndef test_it(): assert i.import_module('st' + 'ar').LIMIT == 3\n",
}


@pytest.mark.parametrize("test", BY_STAR.values(), ids=BY_STAR)
def test_what_a_star_took_over_is_found(project: Project, test: str) -> None:
    """Values change, and neither names nor forms; by two stars, one of them of a package."""
    inner = "LIMIT = 3\nclass Box: size = 3\ndef with_default(a=3): return a\n"
    project.write("pack/inner.py", inner)
    project.write("pack/__init__.py", "from .inner import *\n")
    project.write("star.py", "from pack import *\n")
    project.write("test_star.py", test)
    assert project.run().exit == 0
    project.write("pack/inner.py", inner.replace("3", "4"))
    assert project.run().exit == 1


def test_an_import_that_does_not_say_who_asks_is_not_taken_for_another_one(project: Project) -> None:
    """Compiled templates import with no name of their own, and codecs say nothing at all: so may a test."""
    project.write("helper.py", "X = 1\n")
    template = "exec('import colorsys', {'__file__': colorsys.__file__})"
    project.write("conftest.py", f"import colorsys\n{template}\n{template}\n")
    asks = "assert __import__('helper').X == 1\n"
    codecs = "assert 'a'.encode('punycode') and 'a'.encode('utf-32-be') and 'a'.encode('cp037')\n"
    project.write("test_it.py", f"def test_a(): {asks}def test_b(): {asks}def test_c(): {codecs}def test_d(): {codecs}")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("helper.py", "1", "2")
    run = project.run()
    assert run.executed == {"test_it.py::test_a", "test_it.py::test_b"}
    assert run.exit == 1


ONCE = """\
import os

class Once:
    def __init__(self, path):
        self.path, self.asked = path, False

    def __fspath__(self):
        assert not self.asked
        self.asked = True
        return self.path

def test_stat(): assert os.stat(Once("."))
def test_access(): assert os.access(Once("."), os.R_OK)
def test_plain(): assert os.stat(".")
"""


def test_an_object_that_cannot_be_asked_twice_is_none_of_the_tests_troubles(project: Project) -> None:
    """What we look at may raise; the test passes as without us, and is not stored."""
    project.write("test_it.py", ONCE)
    run = project.run()
    assert run.exit == 0
    assert "[not-observed]" in run.text
    assert project.run().executed == {"test_it.py::test_stat", "test_it.py::test_access"}


def test_a_name_that_is_looked_for_in_every_folder(project: Project) -> None:
    """`Path.glob("*/shop.ini")` tells of a folder in which the file appears, though no list of names changes there."""
    project.write("conf/a/shop.ini", "")
    project.write("conf/b/other.ini", "")
    project.write(
        "test_it.py", "from pathlib import Path\ndef test_it(): assert len([*Path('conf').glob('*/shop.ini')]) == 1\n"
    )
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.write("conf/b/shop.ini", "")
    assert project.run().outcomes == {"test_it.py::test_it": "failed"}
