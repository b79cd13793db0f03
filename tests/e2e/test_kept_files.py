"""Files that a library has read for one test and remembers: who comes later rests on them, too."""

from __future__ import annotations

import pytest
from harness import TWO_WORKERS, Project

REMEMBERING = {
    "a table of its module": """
_texts = {}
def text(name):
    if name not in _texts: _texts[name] = open(name).read()
    return _texts[name]
""",
    "an object that it holds": """
class Loader:
    def __init__(self): self.texts = {}
    def load(self, name):
        if name not in self.texts: self.texts[name] = open(name).read()
        return self.texts[name]
_loader = Loader()
def text(name): return _loader.load(name)
""",
    "a cache around a function": """
import functools
@functools.lru_cache
def _read(name): return open(name).read()
def text(name): return _read(name)
""",
    "a table that a function closes over": """
def _remembering(read):
    known = {}
    def find(name):
        if name not in known: known[name] = read(name)
        return known[name]
    return find
text = _remembering(lambda name: open(name).read())
""",
    "one variable": """
_last = None
def text(name):
    global _last
    if _last is None: _last = open(name).read()
    return _last
""",
}
FORGETFUL = """
class Loader:
    def load(self, name): return open(name).read()
def text(name): return Loader().load(name)
"""
HELD_BY_THE_PROJECT = """
class Loader:
    def __init__(self): self.texts = {}
    def load(self, name):
        if name not in self.texts: self.texts[name] = open(name).read()
        return self.texts[name]
"""
PAGES = "from papers import text\ndef page(name): return text(name)\n"
TESTS = """
import pages
def test_first(): assert "old" in pages.page("page.txt")
def test_second(): assert "old" in pages.page("page.txt")
"""


def install(project: Project, library: str) -> None:
    project.write("pytest.ini", "[pytest]\npythonpath = . lib/site-packages\n")
    project.write("lib/site-packages/papers.py", library)
    project.write("lib/site-packages/papers-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: papers\nVersion: 1\n")
    project.write("lib/site-packages/papers-1.dist-info/RECORD", "papers.py,sha256=of1,1\n")
    project.write("page.txt", "old")


@pytest.mark.parametrize("library", REMEMBERING.values(), ids=REMEMBERING)
def test_what_a_library_remembers_of_a_file_counts_for_later_tests(project: Project, library: str) -> None:
    """The second test never opens the file, and fails without a cache when it changes."""
    install(project, library)
    project.write("pages.py", PAGES)
    project.write("test_it.py", TESTS)
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.write("page.txt", "new")
    assert set(project.run().outcomes.values()) == {"failed"}


def test_what_is_remembered_in_a_worker(project: Project) -> None:
    """The same under xdist, where each process has a memory of its own."""
    install(project, REMEMBERING["a table of its module"])
    project.write("pages.py", PAGES)
    project.write(
        "test_it.py", TESTS + "".join(f"def test_{n}(): assert 'old' in pages.page('page.txt')\n" * 6 for n in "abcdef")
    )
    project.run(*TWO_WORKERS)
    project.write("page.txt", "new")
    assert set(project.run().outcomes.values()) == {"failed"}


def test_that_a_file_was_missing_is_remembered(project: Project) -> None:
    """It appears, and whoever was told of its absence runs."""
    ask = "    if name not in _there: _there[name] = os.path.exists(name)\n    return _there[name]\n"
    library = f"import os\n_there = {{}}\ndef text(name):\n{ask}"
    install(project, library)
    project.write("pages.py", PAGES)
    project.write("test_it.py", TESTS.replace('"old" in pages', "not pages").replace("page.txt", "none.txt"))
    assert project.run().exit == 0
    project.write("none.txt", "")
    assert set(project.run().outcomes.values()) == {"failed"}


def test_a_catalogue_of_messages_is_remembered(project: Project) -> None:
    """So does the standard library: `gettext` keeps what it has read."""
    project.write("make.py", "import sys\nfrom struct import pack\n" + CATALOGUE)
    project.python("make.py", "one")
    look = 'gettext.translation("shop", "loc", languages=["de"]).gettext("a") == "one"'
    project.write("test_it.py", f"import gettext\ndef test_a(): assert {look}\ndef test_b(): assert {look}\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.python("make.py", "two")
    assert set(project.run().outcomes.values()) == {"failed"}


CATALOGUE = r"""
import os
words = [("", "Content-Type: text/plain; charset=UTF-8\n"), ("a", sys.argv[1])]
texts = [text.encode() for pair in words for text in pair]
at, table, body = 28 + 16 * len(words), [[], []], b""
for number, text in enumerate(texts):
    table[number % 2] += [len(text), at + len(body)]
    body += text + b"\0"
os.makedirs("loc/de/LC_MESSAGES", exist_ok=True)
with open("loc/de/LC_MESSAGES/shop.mo", "wb") as file:
    file.write(pack("7I", 0x950412DE, 0, len(words), 28, 28 + 8 * len(words), 0, 0))
    file.write(pack(f"{4 * len(words)}I", *table[0], *table[1]) + body)
"""


@pytest.mark.parametrize("library", [FORGETFUL, HELD_BY_THE_PROJECT], ids=["forgetful", "held by the project"])
def test_a_file_that_nobody_remembers_unseen_counts_for_its_readers(project: Project, library: str) -> None:
    """A later test is replayed if the library keeps nothing, or in an object of the project, which is watched."""
    install(project, library)
    held = "from papers import Loader\nloader = Loader()\ndef page(name): return loader.load(name)\n"
    project.write("pages.py", held if library is HELD_BY_THE_PROJECT else PAGES)
    project.write("test_it.py", f"{TESTS}import papers\ndef test_far(): assert papers\n")
    assert project.run().exit == 0
    project.write("page.txt", "old, too")
    assert project.run().executed == {"test_it.py::test_first", "test_it.py::test_second"}


def test_files_that_were_compared(project: Project) -> None:
    """`filecmp` remembers its answers, and tells files apart by their times: their bytes count for who asks."""
    project.write("one/a.txt", "1")
    project.write("two/a.txt", "1")
    look = "filecmp.dircmp('one', 'two').diff_files == []"
    equal = "filecmp.cmp('one/a.txt', 'two/a.txt', shallow=False)"
    project.write(
        "test_it.py",
        f"import filecmp\ndef test_a(): assert {look}\ndef test_b(): assert {equal}\ndef test_c(): assert {equal}\n",
    )
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.write("two/a.txt", "2")
    assert set(project.run().outcomes.values()) == {"failed"}
