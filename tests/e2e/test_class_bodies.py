"""What stands in a test class besides its methods runs with the import of its file, but concerns the tests in there.

Others cannot see it, unless they make a module of that file themselves, or let tests of it run.
"""

from __future__ import annotations

import pytest
from harness import Project

APP = '''
import pytest

def test_1(): assert True

class TestK:
    """Doc."""
    N = 1
    KEY = [sorted(part) for part in [(1, 2)]]
    def test_2(self): assert self.N and self.KEY == [[1, 2]]

class TestM:
    @pytest.mark.parametrize("n", [*(i for i in range(2))])
    def test_3(self, n): assert n < 5
'''
EDITS = {
    "a method that helps": ("    N = 1\n", "    N = 1\n    def helper(self): return 1\n"),
    "an attribute": ("N = 1", "N = 2"),
    "another attribute": ("    N = 1\n", "    N = 1\n    maxDiff = None\n"),
    "the docstring": ("Doc.", "Told."),
    "a mark": ("class TestK", "@pytest.mark.usefixtures()\nclass TestK"),
    "what a comprehension goes through": ("[(1, 2)]", "[(2, 1)]"),
}


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_there_reruns_the_tests_of_the_class(project: Project, what: str) -> None:
    """Functions and other classes of the file are left alone."""
    project.write("test_app.py", APP)
    project.run()
    project.edit("test_app.py", *EDITS[what])
    run = project.run()
    assert (run.exit, run.executed) == (0, {"test_app.py::TestK::test_2"})


def test_an_edit_of_a_test_with_a_generator_in_its_header_leaves_others_alone(project: Project) -> None:
    """The generator has run when the class was made, but the test has not."""
    project.write("test_app.py", APP)
    project.run()
    project.edit("test_app.py", "n < 5", "n < 6")
    assert project.run().executed == {f"test_app.py::TestM::test_3[{n}]" for n in (0, 1)}


WAYS = {
    "a loader": """
import importlib.util
def test_it():
    spec = importlib.util.spec_from_file_location("other", "check/test_other.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = [name for name in module.TestK.__dict__ if name.startswith("test")]
    assert module.TestK.N == 1 and found == ["test_2"] and not hasattr(module, "test_new")
""",
    "a run of pytest": """
import subprocess, sys
def test_it():
    subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "check/test_other.py"], check=True)
""",
}
MODE = '"--import-mode=importlib", "check'
WAYS["a run that imports in another way"] = WAYS["a run of pytest"].replace('"check', MODE)
OTHER = """
class TestK:
    N = 1
    def test_2(self): assert self.N == 1
"""
NEW = "\ndef test_new(): assert False\n"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("old", "new"), [("N = 1", "N = 2"), ("== 1\n", "== 1\n" + NEW)], ids=["attribute", "new"])
def test_who_makes_a_module_of_a_test_file_rests_on_all_of_it(project: Project, way: str, old: str, new: str) -> None:
    """Also on what stands alone in there, such as a test that is new."""
    project.write("check/test_other.py", OTHER)
    project.write("test_main.py", WAYS[way])
    project.run("test_main.py")
    assert project.run("test_main.py").executed == set()
    project.edit("check/test_other.py", old, new)
    assert project.run("test_main.py").outcomes == {"test_main.py::test_it": "failed"}


def test_what_a_class_makes_of_memory_rests_on_who_filled_it(project: Project) -> None:
    """The import of another test file has filled a list before the class was made."""
    project.write("registry.py", "LIST = []\n")
    project.write("plugin.py", "import registry\nregistry.LIST.append(1)\n")
    project.write("test_a.py", "import plugin\ndef test_a(): pass\n")
    project.write(
        "test_b.py",
        "import registry\nclass TestK:\n    N = len(registry.LIST)\n    def test_b(self): assert self.N == 1\n",
    )
    project.run()
    assert project.run().executed == set()
    project.edit("test_a.py", "import plugin\n", "")
    assert project.run().outcomes["test_b.py::TestK::test_b"] == "failed"
