"""Edits after which a test ends otherwise, by all the ways in which it may have asked for something."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES

from harness import Project

HERE = "import os, sys\nHERE = os.path.dirname(os.path.abspath(__file__))\n"


@dataclass(frozen=True)
class Flip:
    """A test file and what it needs; an edit; variables and options before and after it."""

    test: str
    files: Mapping[str, str] = field(default_factory=dict)
    edit: Callable[[Project], object] = lambda _: None
    env: Mapping[str, str] = field(default_factory=dict)
    then: Mapping[str, str] | None = None
    before: Callable[[Project], object] = lambda _: None
    options: tuple[str, ...] = ()
    later: tuple[str, ...] | None = None
    cwd: str = "."


def writes(path: str, text: str) -> Callable[[Project], object]:
    return lambda project: project.write(path, text)


def links(path: str, target: str) -> Callable[[Project], object]:
    def link(project: Project) -> None:
        (project.path / path).unlink(missing_ok=True)
        (project.path / path).symlink_to(target)

    return link


def program(path: str, text: str) -> Callable[[Project], object]:
    def make(project: Project) -> None:
        project.write(path, text)
        (project.path / path).chmod(0o755)

    return make


def database(path: str, number: int) -> Callable[[Project], object]:
    def make(project: Project) -> None:
        (project.path / path).unlink(missing_ok=True)
        connection = sqlite3.connect(project.path / path)
        connection.execute("create table t as select ? as n", (number,))
        connection.commit()
        connection.close()

    return make


PREFIX = "def load(prefix): return {k: v for k, v in os.environ.items() if k.startswith(prefix)}\n"
FIELDS = "class Settings:\n    shop_port: int\n"
FIELDS += "    def __init__(self): self.found = {k.lower(): os.environ[k] for k in os.environ}\n"
MADE = "def load():\n    os.makedirs(HERE + '/made', exist_ok=True)\n    path = HERE + '/made/n'\n"
MADE += "    if not os.path.exists(path): open(path, 'w').write('1')\n    return open(path).read()\n"
MAKER = "import gen\ndef test_make():\n    os.makedirs(HERE + '/out', exist_ok=True)\n"
MAKER += "    open(HERE + '/out/x', 'w').write(gen.text)\n"
RUNS = HERE + "import subprocess\ndef run(*args, **given): return subprocess.run(*args, capture_output=True, **given)\n"
NO_LOG = (
    "import logging\ndef test_it(caplog):\n    logging.getLogger('shop').info('x')\n    assert not caplog.records\n"
)
WARNS = "import warnings\ndef test_it(): warnings.warn('x')\n"
FINDER = """
import importlib.util, sys
class Finder:
    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self) if name == "made_up" else None
    def create_module(self, spec): return None
    def exec_module(self, module): module.rate = 1
sys.meta_path.append(Finder())
"""
CHILD = "assert check_output([sys.executable, HERE + '/child.py'], text=True)"
PARSER = "import argparse\ndef parser(): return argparse.ArgumentParser(description=__doc__)\n"
POINTS = "from importlib.metadata import entry_points\n"
POINTED = POINTS + "def load(): return [one.load() for one in entry_points(group='shop')]\n"
POINTED += "def test_0(): assert load()\ndef test_it(): assert load() == [1]\n"
POINTED_AT = {
    "pytest.ini": "[pytest]\npythonpath = src\n",
    "src/shop.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: shop\nVersion: 1\n",
    "src/shop.egg-info/entry_points.txt": "[shop]\na = m:value\n",
    "src/m.py": "value = 1\n",
}
ASKS = "import pytest\n@pytest.fixture\ndef pick(request):\n    try: return request.getfixturevalue('extra')\n"
ASKS += "    except pytest.FixtureLookupError: return 'none'\n"
READ = "def test_it(): assert sqlite3.connect({}, uri=True).execute('select n from t').fetchone() == (1,)\n"
LOOKS = "import inspect\nfound = {}\n"
LOOKS += "def look(f): found[f.__name__] = inspect.isgeneratorfunction(f)\n@look\n"

EXTENDS = "import os\n__path__.insert(0, os.path.join(os.path.dirname(__file__), 'more'))\n"
FLIPS = {
    "a variable by its prefix": Flip(
        HERE + PREFIX + "def test_it(): assert load('SHOP_') == {'SHOP_PORT': '80'}\n",
        env={"SHOP_PORT": "80"},
        then={"SHOP_PORT": "81"},
    ),
    "a new variable by its prefix": Flip(
        HERE + PREFIX + "def test_it(): assert not load('SHOP_')\n", then={"SHOP_PORT": "80"}
    ),
    "a variable by a field of a class": Flip(
        HERE + FIELDS + "def test_it(): assert 'shop_port' not in Settings().found\n", then={"SHOP_PORT": "80"}
    ),
    "a variable in a copy": Flip(
        HERE + "def test_it(): assert dict(os.environ).get('SHOP_PORT') == '80'\n",
        env={"SHOP_PORT": "80"},
        then={"SHOP_PORT": "81"},
    ),
    "a variable in a copy that another module looks it up in": Flip(
        "import shop\ndef test_it(): assert shop.mode() == 'live'\n",
        {
            "settings.py": "import os\nENV = {'SHOP_MODE': 'live', **os.environ}\n",
            "shop.py": "from settings import ENV\ndef mode(): return ENV['SHOP_MODE']\n",
        },
        then={"SHOP_MODE": "test"},
    ),
    "a variable in a copy, in small letters": Flip(
        "import shop\ndef test_it(): assert not shop.Shop().debug()\n",
        {
            "settings.py": "import os\ndef load(): return {k.lower(): v for k, v in os.environ.items()}\n",
            "shop.py": "from settings import load\nclass Shop:\n    def __init__(self): self.env = load()\n"
            "    def debug(self): return self.env.get('debug') == '1'\n",
        },
        then={"DEBUG": "1"},
    ),
    "a variable that a template is filled in with": Flip(
        HERE + "def test_it(): assert open(HERE + '/data.txt').read().format(**os.environ) == '80'\n",
        {"data.txt": "{SHOP_PORT}"},
        env={"SHOP_PORT": "80"},
        then={"SHOP_PORT": "81"},
    ),
    "a variable by a field of a field": Flip(
        "from typing import Any\n"
        + HERE
        + FIELDS.replace("shop_port: int", "shop: Any")
        + "def test_it(): assert 'shop__port' not in Settings().found\n",
        then={"SHOP__PORT": "80"},
    ),
    "a variable by its prefix, in a child": Flip(
        HERE + f"from subprocess import check_output\ndef test_it(): {CHILD} == \"{{'SHOP_PORT': '80'}}\\n\"\n",
        {"child.py": "import os\n" + PREFIX + "print(load('SHOP_'))\n"},
        env={"SHOP_PORT": "80"},
        then={"SHOP_PORT": "81"},
    ),
    "a modification time": Flip(
        HERE + "def test_it(): assert os.stat(HERE + '/data.txt').st_mtime <= os.stat(HERE + '/more.txt').st_mtime\n",
        {"data.txt": "a", "more.txt": "b"},
        writes("data.txt", "a"),
    ),
    "a modification time that another function looks at": Flip(
        HERE + "import shop\ndef test_it(): assert not shop.newer(HERE + '/data.txt', HERE + '/more.txt')\n",
        {
            "shop.py": "import os\ndef newer(a, b): return later(os.stat(a), os.stat(b))\n"
            "def later(a, b): return a.st_mtime > b.st_mtime\n",
            "data.txt": "a",
            "more.txt": "b",
        },
        writes("data.txt", "a"),
    ),
    "permissions": Flip(
        HERE + "import stat\ndef test_it(): assert stat.S_IMODE(os.stat(HERE + '/key').st_mode) == 0o600\n",
        {"key": "a"},
        lambda project: (project.path / "key").chmod(0o644),
        before=lambda project: (project.path / "key").chmod(0o600),
    ),
    "which file it is, by its number": Flip(
        HERE + "def test_it(): assert os.path.samestat(os.stat(HERE + '/now'), os.stat(HERE + '/v1'))\n",
        {"v1/x": "", "v2/x": ""},
        links("now", "v2"),
        before=links("now", "v1"),
    ),
    "the size of an entry": Flip(
        HERE + "def test_it(): assert sum(one.stat().st_size for one in os.scandir(HERE + '/data')) == 2\n",
        {"data/a": "a", "data/b": "b"},
        writes("data/a", "aa"),
    ),
    "a module that could be found": Flip(
        "from importlib.util import find_spec\ndef test_it(): assert find_spec('late') is None\n",
        edit=writes("late.py", ""),
    ),
    "a module, at import": Flip(
        "import importlib.util\nHAS = importlib.util.find_spec('late') is not None\ndef test_it(): assert not HAS\n",
        edit=writes("late.py", ""),
    ),
    "a variable for a part of a setting": Flip(
        "import os\nFOUND = {'db': 'a'}\nfor key, value in os.environ.items():\n"
        "    if '__' in key and key.lower().split('__')[0] in FOUND: FOUND['db'] = value\n"
        "def test_it(): assert FOUND == {'db': 'a'}\n",
        then={"DB__HOST": "b"},
    ),
    "a variable in a list in a text": Flip(
        HERE + "def test_it():\n    env = dict(os.environ)\n"
        "    assert not any(map(env.get, 'SHOP PORT TIME'.split()))\n",
        then={"PORT": "80"},
    ),
    "a variable that a data file names": Flip(
        HERE + "def test_it():\n    env = dict(os.environ)\n"
        "    assert not any(map(env.get, open(HERE + '/needed.txt').read().split()))\n",
        files={"needed.txt": "SHOP_URL\nSHOP_PORT\n"},
        then={"SHOP_PORT": "80"},
    ),
    "a module in a folder that a package adds to its own": Flip(
        "import importlib\ndef test_it():\n"
        "    try: found = importlib.import_module('pack.later')\n    except ImportError: found = None\n"
        "    assert found is None\n",
        files={"pack/__init__.py": EXTENDS, "pack/more/here.py": ""},
        edit=writes("pack/more/later.py", ""),
    ),
    "a module that hides another one of its package": Flip(
        "def test_it():\n    from pack.kept import X\n    assert X == 1\n",
        files={"pack/__init__.py": EXTENDS, "pack/more/here.py": "", "pack/kept.py": "X = 1\n"},
        edit=writes("pack/more/kept.py", "X = 2\n"),
    ),
    "a module that a package has not, nor an attribute of that name": Flip(
        "def test_it():\n    try:\n        from pack import later\n    except ImportError:\n        later = None\n"
        "    assert later is None\n",
        files={"pack/__init__.py": EXTENDS, "pack/more/here.py": ""},
        edit=writes("pack/more/later.py", ""),
    ),
    "a name that is patched by a text": Flip(
        "from unittest import mock\nimport shop\n"
        "def test_it():\n    with mock.patch.dict('%s.SETTINGS' % shop.__name__, a=1): assert shop\n",
        files={"shop.py": "SETTINGS = {}\n"},
        edit=writes("shop.py", "OPTIONS = {}\n"),
    ),
    "a module that a test would skip for": Flip(
        "import pytest\ndef test_it():\n    pytest.importorskip('late')\n    assert False\n", edit=writes("late.py", "")
    ),
    "a variable in a condition": Flip(
        "import pytest\n@pytest.mark.skipif(\"'SHOP' not in os.environ\", reason='')\ndef test_it(): assert False\n",
        then={"SHOP": "1"},
    ),
    "a constant in a condition": Flip(
        "import pytest\nfrom flags import OFF\n@pytest.mark.skipif('OFF == 1', reason='')\ndef test_it(): assert 0\n",
        {"flags.py": "OFF = 1\n"},
        writes("flags.py", "OFF = 2\n"),
    ),
    "a file in a doctest": Flip(
        "def test_it():\n    '''\n    >>> open('data.txt').read()\n    'a'\n    '''\n",
        {"data.txt": "a"},
        writes("data.txt", "b"),
        options=("--doctest-modules",),
    ),
    "a file in a folder that a test has made": Flip(
        HERE + MADE + "def test_it(): assert load() == '1'\n", edit=writes("made/n", "2")
    ),
    "a file that another test makes": Flip(
        HERE + "def test_it(): assert open(HERE + '/out/x').read() == 'v1'\n",
        {
            "gen.py": "text = 'v1'\n",
            "test_0.py": HERE + MAKER,
        },
        writes("gen.py", "text = 'v2'\n"),
    ),
    "the current folder": Flip(
        "def test_it(): assert open('data.txt').read() == 'a'\n", {"data.txt": "a", "sub/data.txt": "b"}, cwd="sub"
    ),
    "a file above a link": Flip(
        HERE + "def test_it(): assert open(HERE + '/now/../data.txt').read() == 'a'\n",
        {"all/data.txt": "a", "all/v1/x": ""},
        writes("all/data.txt", "b"),
        before=links("now", "all/v1"),
    ),
    "which file it is": Flip(
        HERE + "def test_it(): assert os.path.samefile(HERE + '/now', HERE + '/v1')\n",
        {"v1/x": "", "v2/x": ""},
        links("now", "v2"),
        before=links("now", "v1"),
    ),
    "a database with a blank in its name": Flip(
        HERE + "import sqlite3\n" + READ.format("f'file://localhost{HERE}/a%20b.db?mode=ro'"),
        before=database("a b.db", 1),
        edit=database("a b.db", 2),
    ),
    "entry points": Flip(
        POINTS + "def test_it(): assert [one.value for one in entry_points(group='shop')] == ['m:f']\n",
        {
            "pytest.ini": "[pytest]\npythonpath = src\n",
            "src/shop.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: shop\nVersion: 1\n",
            "src/shop.egg-info/entry_points.txt": "[shop]\na = m:f\n",
        },
        writes("src/shop.egg-info/entry_points.txt", "[shop]\na = m:g\n"),
    ),
    "a value that an entry point leads to, asked for again": Flip(
        POINTED,
        POINTED_AT,
        writes("src/m.py", "value = 2\n"),
    ),
    "a package before the module that an entry point leads to": Flip(
        POINTED,
        POINTED_AT,
        writes("src/m/__init__.py", "value = 2\n"),
    ),
    "a module that a finder of the project has found": Flip(
        "import made_up\ndef test_it(): assert made_up.rate == 1\n",
        {"conftest.py": FINDER},
        writes("made_up.py", "rate = 2\n"),
    ),
    "what a decorator makes of a function": Flip(
        "import shop\ndef test_it(): assert shop.found == {'rates': False}\n",
        {"shop.py": LOOKS + "def rates(): return [1]\n"},
        writes("shop.py", LOOKS + "def rates(): yield 1\n"),
    ),
    "the code of a function that nobody calls": Flip(
        "import shop\ndef test_it(): assert 'len' in shop.f.__code__.co_names\n",
        {"shop.py": "def f(): return len\n"},
        writes("shop.py", "def f(): return max\n"),
    ),
    "a module that is compiled beside its source": Flip(
        "def test_it():\n    import shop\n    assert shop.rate == 1\n",
        {"shop.py": "rate = 1\n"},
        writes(f"shop{EXTENSION_SUFFIXES[0]}", "nothing that can be loaded"),
    ),
    "what Python imports when it starts": Flip(
        "import sys\ndef test_it(): assert not hasattr(sys, 'shop')\n",
        edit=writes("../project-plugins/sitecustomize.py", "import sys\nsys.shop = 1\n"),
    ),
    "a level of the live log": Flip(NO_LOG, later=("--log-cli-level=INFO",)),
    "a level of the log file": Flip(NO_LOG, edit=writes("pytest.ini", "[pytest]\nlog_file_level = INFO\n")),
    "warnings that pytest does not look at": Flip(
        WARNS, {"pytest.ini": "[pytest]\nfilterwarnings = error\n"}, options=("-p", "no:warnings"), later=()
    ),
    "the source by a loader": Flip(
        "import shop\ndef test_it(): assert 'TODO' not in shop.__loader__.get_source('shop')\n",
        {"shop.py": "x = 1  # done\n"},
        writes("shop.py", "x = 1  # TODO\n"),
    ),
    "a fixture that is not there": Flip(
        ASKS + "def test_it(pick): assert pick == 'none'\n",
        {"conftest.py": "import pytest\n"},
        writes("conftest.py", "import pytest\n@pytest.fixture\ndef extra(): return 'late'\n"),
    ),
    "a docstring that is shown by the name of its module": Flip(
        "import pydoc, shop\ndef test_it(): assert 'Sells' in pydoc.render_doc('shop')\n",
        {"shop.py": "'''Sells.'''\n"},
        writes("shop.py", "'''Buys.'''\n"),
    ),
    "a docstring that leaves assertions as they are": Flip(
        "'It.'\nimport pytest\ndef test_it():\n"
        "    with pytest.raises(AssertionError, match='1 == 2'):\n        one = 1\n        assert one == 2\n",
        edit=lambda project: project.edit("test_it.py", "'It.'", "'PYTEST_DONT_REWRITE'"),
    ),
    "a docstring that is a help text": Flip(
        "import shop\ndef test_it(): assert 'Sells' in shop.parser().format_help()\n",
        {"shop.py": f"'''Sells.'''\n{PARSER}"},
        writes("shop.py", f"'''Buys.'''\n{PARSER}"),
    ),
    "a docstring of a module that is handed on": Flip(
        "import inspect, shop\ndef test_it(): assert inspect.getdoc(shop) == 'Sells.'\n",
        {"shop.py": "'''Sells.'''\n"},
        writes("shop.py", "'''Buys.'''\n"),
    ),
    "a name that is imported there and taken from there": Flip(
        "import shop\ndef test_it(): assert shop.join('a', 'b') == 'a/b'\n",
        {"shop.py": "from os.path import join\n"},
        writes("shop.py", "from shlex import join\n"),
    ),
    "a program with a well-known name": Flip(
        HERE + "import subprocess\ndef test_it(): assert subprocess.check_output([HERE + '/hostname']) == b'a\\n'\n",
        {},
        writes("hostname", "#!/bin/sh\necho b\n"),
        before=program("hostname", "#!/bin/sh\necho a\n"),
    ),
    "a file that a usual program reads": Flip(
        f"{RUNS}def test_it(): assert run(['head', '-n', '1', 'data.txt'], cwd=HERE).stdout == b'a\\n'\n",
        {"data.txt": "a\n"},
        writes("data.txt", "b\n"),
    ),
    "a file that a usual program misses": Flip(
        f"{RUNS}def test_it(): assert run(['cat', HERE + '/data.txt']).returncode == 1\n",
        {},
        writes("data.txt", "b\n"),
    ),
    "a program of the project in the place of a usual one": Flip(
        f"{RUNS}PATH = HERE + '/bin:' + os.environ['PATH']\n"
        "def test_it(): assert run(['echo', 'a'], env={'PATH': PATH}).stdout == b'a\\n'\n",
        {},
        program("bin/echo", "#!/bin/sh\n"),
    ),
}
