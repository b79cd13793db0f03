"""What the project's code sets in modules of others, and leaves so, counts for all later tests."""

from __future__ import annotations

import pytest
from harness import Project

WAYS = {
    "an attribute": ("import json", "json.MODE = {}", "import json\ndef test_b(): assert json.MODE == 1\n"),
    "a private one, felt through a function": (
        "import tempfile",
        "tempfile.tempdir = ['/', '/var', '/usr'][{}]",
        "from tempfile import gettempdir\ndef test_b(): assert gettempdir() == '/var'\n",
    ),
    "an attribute of a class": (
        "from subprocess import Popen",
        "Popen.extra = {}",
        "import subprocess\ndef test_b(): assert subprocess.Popen.extra == 1\n",
    ),
    "a module that nobody has loaded": (
        "",
        "import colorsys; colorsys.MODE = {}",
        "def test_b():\n    import colorsys\n    assert colorsys.MODE == 1\n",
    ),
    "a builtin": ("import builtins", "builtins.answer = {}", "def test_b(): assert answer == 1\n"),
    "a module put in place": (
        "import sys, types",
        "sys.modules['not_there'] = types.SimpleNamespace(x={})",
        "def test_b():\n    import not_there\n    assert not_there.x == 1\n",
    ),
    "a hook of the interpreter": (
        "import sys",
        "sys.excepthook = [print, len, repr][{}]",
        "import sys\ndef test_b(): assert sys.excepthook is len\n",
    ),
    "arguments": ("import sys", "sys.argv = ['x', {}]", "import sys\ndef test_b(): assert sys.argv[1] == 1\n"),
    "an element": (
        "import site",
        "site.PREFIXES.append('abc'[{}])",
        "import site\ndef test_b(): assert site.PREFIXES[-1] == 'b'\n",
    ),
    "an item": (
        "import xml.etree.ElementTree as ET",
        "ET._namespace_map['http://x'] = ['aa', 'bb', 'cc'][{}]",
        "from xml.etree.ElementTree import *\ndef test_b(): assert b'<bb:a ' in tostring(Element('{http://x}a'))\n",
    ),
    "a patcher that nobody stops": (
        "from unittest import mock",
        "mock.patch('colorsys.rgb_to_hls', return_value={}).start()",
        "import colorsys\ndef test_b(): assert colorsys.rgb_to_hls(1, 1, 1) == 1\n",
    ),
    "an attribute of pytest": (
        "import pytest",
        "pytest.answer = {}",
        "import pytest\ndef test_b(): assert pytest.answer == 1\n",
    ),
    "a helper": ("from helper import set_mode", "set_mode({})", "import json\ndef test_b(): assert json.MODE == 1\n"),
}
HELPER = "import json\ndef set_mode(value): json.MODE = value\n"
B = "test_b.py::test_b"


@pytest.mark.parametrize("way", WAYS)
def test_who_comes_behind_rests_on_it(project: Project, way: str) -> None:
    """Replayed as long as the same is set, whatever else is edited; run if something else or nothing is."""
    imports, sets, asks = WAYS[way]
    project.write("helper.py", HELPER)
    project.write("test_a.py", f"{imports}\ndef test_a():\n    {sets.format(1)}\n    assert True\n")
    project.write("test_b.py", asks)
    first = project.run()
    assert set(first.outcomes.values()) == {"passed"}, first.text
    assert project.run().executed == set()
    if "patcher" not in way:  # a mock is another one each time
        project.edit("test_a.py", "assert True", "assert 1")
        same = project.run()
        assert (same.exit, same.executed) == (0, {"test_a.py::test_a"}), same.text
    project.edit("test_a.py", sets.format(1), sets.format(2))
    other = project.run()
    assert other.outcomes == {"test_a.py::test_a": "passed", B: "failed"}, other.text
    project.edit("test_a.py", sets.format(2), "pass")
    assert project.run().outcomes[B] == "failed"
    project.edit("test_a.py", "pass", sets.format(1))
    assert project.run().outcomes[B] == "passed"


@pytest.mark.parametrize("module", ["json", "colorsys"])
def test_an_import_may_set_it(project: Project, module: str) -> None:
    """Also in a module that it is the first to load."""
    project.write("helper.py", f"import {module}\n{module}.MODE = 1\n")
    project.write("test_a.py", "import helper\ndef test_a(): pass\n")
    project.write("test_b.py", f"import {module}\ndef test_b(): assert {module}.MODE == 1\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("helper.py", "= 1", "= 2")
    assert project.run().outcomes[B] == "failed"


def test_an_import_sets_it_and_imports_another_file(project: Project) -> None:
    """What was set before is not what the other file finds there at first."""
    project.write("other.py", "import json\ndef sets(): json.MODE = 1\n")
    project.write("helper.py", "import colorsys\ncolorsys.MODE = 1\nimport other\n")
    project.write("test_a.py", "import helper\ndef test_a(): assert helper\n")
    project.write("test_b.py", "import colorsys\ndef test_b(): assert colorsys.MODE == 1\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("helper.py", "= 1", "= 2")
    assert project.run().outcomes[B] == "failed"


def test_who_says_that_nothing_is_set(project: Project) -> None:
    """An edited test runs behind the replayed one that sets it."""
    project.write("test_a.py", "import json\ndef test_a(): json.MODE = 1\n")
    project.write("test_b.py", "import json\ndef test_b(): assert hasattr(json, 'MODE')\n")
    assert project.run().exit == 0
    project.edit("test_b.py", "assert hasattr", "assert not hasattr")
    assert project.run().outcomes[B] == "failed"


def test_what_is_put_back_runs_nobody(project: Project) -> None:
    """A patch in a test, a module that is imported anew: nothing is left of them, or the same."""
    project.write("mod.py", "X = 1\n")
    project.write(
        "test_a.py",
        "import colorsys, sys\nfrom unittest import mock\n"
        "def test_a(monkeypatch):\n    monkeypatch.setattr(colorsys, 'rgb_to_hls', len)\n    assert 1\n"
        "def test_patched():\n    with mock.patch('colorsys.rgb_to_yiq'): colorsys.rgb_to_yiq.x = 1\n    assert 4\n"
        "def test_anew():\n    sys.modules.pop('mod', None)\n    import mod\n    assert mod.X == 1\n",
    )
    project.write(
        "test_b.py", "import colorsys, mod\ndef test_b(): assert colorsys.rgb_to_hls(0, 0, 0) and mod.X == 1\n"
    )
    assert project.run().exit == 0
    assert project.run().executed == set()
    for old, new in (("assert 1", "assert 2"), ("assert 4", "assert 5"), ("== 1", "== 3 - 2")):
        project.edit("test_a.py", old, new)
    assert B not in project.run().executed
