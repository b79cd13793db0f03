"""What is the same in each run is replayed in the second one; what is another one each time concerns nobody else."""

from __future__ import annotations

import pytest
from harness import Project

from testcache.storage.leaks import load_leaks
from testcache.storage.manifests import known_files
from testcache.storage.store import Store

A, B = "test_a.py::test_a", "test_b.py::test_b"
WEAK = """
import weakref

class Page: pass

PAGES = weakref.{kind}()
"""

FLEETING = {
    "a cache of the standard library": {
        "sites.py": "from urllib.parse import urlsplit\ndef host(url): return urlsplit(url).netloc\n",
        "test_a.py": "import sites, time\ndef test_a():\n    sites.host(f'http://{time.time()}/')\n    assert True\n",
        "test_b.py": "import sites\ndef test_b(): assert [sites.host('http://b/') for _ in 'ab'] == ['b', 'b']\n",
    },
    "a module that a test has written": {
        "names.py": "def run(text): return eval(text)\n",
        "test_a.py": """
import sys, uuid

def test_a(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for name in (f"first_{uuid.uuid4().hex}", f"second_{uuid.uuid4().hex}"):
        tmp_path.joinpath(f"{name}.py").write_text("import os\\nos.makedirs(f'{__file__}.d')\\n")
        __import__(name)
        del sys.modules[name]
    assert True
""",
        "test_b.py": "import names\ndef test_b(): assert names.run('1 + 1') == 2\n",
    },
    "a weak value": {
        "pages.py": WEAK.format(kind="WeakValueDictionary"),
        "test_a.py": """
import pages, uuid

def test_a():
    page = pages.Page()
    page.itself = page  # goes whenever the interpreter looks for garbage
    pages.PAGES[uuid.uuid4().hex] = page
    assert True
""",
        "test_b.py": "import pages\ndef test_b(): assert pages.PAGES.get('b') is None\n",
    },
    "an element of a weak set": {
        "pages.py": WEAK.format(kind="WeakSet"),
        "test_a.py": """
import pages, uuid

def test_a():
    page = pages.Page()
    page.itself, page.name = page, uuid.uuid4().hex
    pages.PAGES.add(page)
    assert True
""",
        "test_b.py": "import pages\ndef test_b(): assert object() not in pages.PAGES\n",
    },
}


@pytest.mark.parametrize("case", FLEETING)
def test_what_is_another_one_each_time_concerns_nobody(project: Project, case: str) -> None:
    """A test that leaves it runs again alone."""
    for name, text in FLEETING[case].items():
        project.write(name, text)
    assert project.run().executed == {A, B}
    project.edit("test_a.py", "assert True", "assert 1")
    assert project.run().executed == {A}


OWN_CACHE = """
import os.path
from functools import lru_cache
exists = lru_cache(os.path.exists)
"""


DECORATED = (
    "import os.path\nfrom functools import lru_cache\n@lru_cache\ndef exists(path): return os.path.exists(path)\n"
)


@pytest.mark.parametrize("how", ["around a standard function", "in a module with a standard name"])
def test_a_cache_of_the_project_is_its_own(project: Project, how: str) -> None:
    """What it remembers depends on when it was asked."""
    if how == "around a standard function":
        project.write("paths.py", OWN_CACHE)
    else:
        project.write("sched.py", DECORATED)
        project.write("paths.py", "from sched import exists\n")
    project.write("test_a.py", "import paths\ndef test_a(): assert not paths.exists('x.txt')\n")
    write = "import paths, pathlib\ndef test_b():\n    pathlib.Path('x.txt').touch()\n"
    project.write("test_b.py", write + "    assert not paths.exists('x.txt')\n    pathlib.Path('x.txt').unlink()\n")
    assert project.run().executed == {A, B}
    project.edit("test_a.py", "x.txt", "y.txt")
    assert project.run().outcomes[B] == "failed"


HELD = """
import pages

HELD = []

def test_a():
    HELD.append(pages.Page())
    pages.PAGES["a"] = HELD[0]
"""


def test_a_weak_value_counts_while_something_else_holds_it(project: Project) -> None:
    """It is there for whoever comes next."""
    project.write("pages.py", WEAK.format(kind="WeakValueDictionary"))
    project.write("test_a.py", HELD)
    project.write("test_b.py", "import pages\ndef test_b(): assert 'a' in pages.PAGES\n")
    assert project.run().executed == {A, B}
    assert project.run().executed == set()
    project.edit("test_a.py", "HELD.append(pages.Page())", "HELD[:] = [pages.Page()]")
    assert project.run().executed == {A}
    project.edit("test_a.py", '["a"]', '["b"]')
    assert project.run().outcomes[B] == "failed"


SELECTIONS = {
    "a folder": (("tests",), 0),
    "marks": (("-m", "not slow"), 0),
    "names": (("-k", "not slow"), 0),
    "one file": (("tests/test_a.py",), 1),
    "one test": (("-k", "test_a"), 1),
}


@pytest.mark.parametrize("case", SELECTIONS)
def test_a_run_of_all_recorded_tests_is_one_of_all(project: Project, case: str) -> None:
    """However they are named: all of them have been compared with what each leaves for the first time."""
    arguments, kept = SELECTIONS[case]
    project.write("pytest.ini", "[pytest]\nmarkers = slow\n")
    project.write("shared.py", "MODE = ['']\n")
    project.write("tests/test_a.py", "import shared\ndef test_a():\n    assert shared.MODE\n")
    slow = "import pytest\n@pytest.mark.slow\ndef test_slow(): pass\n"
    project.write("tests/test_b.py", f"import shared\ndef test_b(): assert shared.MODE\n{slow}")
    assert len(project.run("-m", "not slow").executed) == 2
    project.edit("tests/test_a.py", "assert shared.MODE", "shared.MODE[0] = 'a'")
    project.run(*arguments)
    with Store(project.path / ".testcache", readonly=True, size_limit_bytes=1 << 30, wait_s=1) as store:
        leaks = [leak for environment, _ in known_files(store) for leak in load_leaks(store, environment)]
    assert len({leak.node for leak in leaks}) == kept


MEMO = """
VALUE = None

def value():
    global VALUE
    if VALUE is None:
        VALUE = 1
    return VALUE
"""


def test_what_a_test_leaves_out_of_turn_is_the_doing_of_the_one_that_would_have(project: Project) -> None:
    """A failure is tried behind its neighbours, which then are the first to fill something."""
    project.write("memo.py", MEMO)
    project.write("test_a.py", "import memo\ndef test_a(): assert memo.value()\n")
    fails = "def test_fails(): assert False\n"
    project.write("test_it.py", f"import memo\ndef test_x(): assert memo.value()\n{fails}")
    project.write("test_later.py", "import memo\ndef test_later(): assert memo.value() == 1\n")
    assert len(project.run().executed) == 4
    project.edit("test_later.py", "memo.value() == 1", "1 == memo.value()")
    assert project.run().outcomes["test_later.py::test_later"] == "passed"
    assert project.run().outcomes["test_later.py::test_later"] == "passed"
    assert "test_later.py::test_later" not in project.run().executed


def test_status_takes_tests_in_the_order_of_their_file(project: Project) -> None:
    """It says what the run does."""
    project.write("shared.py", "MODE = ''\n")
    late = "\ndef test_a(): assert shared.MODE == 'y'\n"
    early = "import shared\ndef test_x(): assert not shared.MODE\ndef test_y(): shared.MODE = 'y'\n"
    project.write("test_it.py", early.replace("test_x", "test_z") + late)
    project.run("test_it.py")
    assert project.run("test_it.py").executed == set()
    assert project.cli("status").returncode == 0


GRAMMAR = """
class Rule:
    def __init__(self, name): self.name, self.all = name, ALL

ALL = [[number] for number in range(20_000)]
RULES = [Rule(name) for name in "abcd"]
MEMO = {}
"""


def test_a_table_whose_keys_lead_to_too_much_is_only_said_to_have_changed(project: Project) -> None:
    """Who has come upon it is replayed as long as nobody who writes to it has to run."""
    project.write("grammar.py", GRAMMAR)
    fill = "import grammar\ndef test_a():\n    for rule in grammar.RULES: grammar.MEMO[rule] = 1\n"
    project.write("test_a.py", fill)
    project.write("test_b.py", "import grammar\ndef test_b(): assert [*grammar.MEMO.values()] == [1] * 4\n")
    assert project.run().executed == {A, B}
    assert project.run().executed == set()
    project.edit("test_a.py", "rule] = 1", "rule] = 2")
    assert project.run().outcomes[B] == "failed"
