"""The hook that decides which files are ignored: it counts for all tests, for what is imported may leave something."""

from __future__ import annotations

import pytest
from harness import Project

IGNORES = """
LEFT = ("test_z.py",)
def pytest_ignore_collect(collection_path):
    if collection_path.name in LEFT: return True
"""
WIDE = {
    "a file that acts": ("test_acts.py", "import seen; seen.SEEN.append(1)\ndef test_acts(): pass\n"),
    "a folder's conftest file": ("sub/conftest.py", "import seen; seen.SEEN.append(1)\n"),
    "a file whose helper does": ("test_acts.py", "import helper\ndef test_acts(): pass\n"),
    "its hook": (
        "sub/conftest.py",
        "def pytest_collection_modifyitems(items):\n    import seen; seen.SEEN.append(1)\n",
    ),
    "its hook of a test": (
        "sub/conftest.py",
        "import seen\ndef pytest_collection_modifyitems(items):\n    for item in items: seen.SEEN.append(item.name)\n",
    ),
}


@pytest.mark.parametrize(("file", "text"), WIDE.values(), ids=WIDE.keys())
def test_what_is_ignored_from_now_on_has_left_nothing(project: Project, file: str, text: str) -> None:
    """Whatever it does when it is loaded, it does no longer; or it does so now. So the hook counts for all tests."""
    project.write("conftest.py", IGNORES)
    project.write("seen.py", "SEEN = []\n")
    project.write("helper.py", "import seen\nseen.SEEN.append(1)\n")
    project.write("test_b.py", "import seen\ndef test_b(): assert seen.SEEN\n")
    project.write("sub/test_s.py", "def test_s(): pass\n")
    project.write(file, text)
    assert project.run().exit == 0
    assert project.run().executed == set()
    name = file.partition("/")[0]
    for old, new in (('("test_z.py",)', f'("test_z.py", "{name}")'), (f'("test_z.py", "{name}")', '("test_z.py",)')):
        project.edit("conftest.py", old, new)
        run = project.run()
        assert run.outcomes == project.run("--cached=off").outcomes
        assert (run.outcomes["test_b.py::test_b"] == "failed") is (name in new)
