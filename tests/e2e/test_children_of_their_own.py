"""What a child does with its descriptors and limits is the same with recording and without it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from harness import Project

WORK = """
import os, resource, sys

def limited(): resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

def closed(): os.closerange(3, 512)

def standard():
    os.close(0)
    assert os.open(os.devnull, os.O_RDWR) == 0

def number(): return len(open(__file__).read(1))

def work(before, path):
    before()
    if before is limited: return number()
    with open(path, "w") as file:
        file.write(str(number()))
        file.flush()
        assert os.path.exists(path)

if __name__ == "__main__": work(globals()[sys.argv[1]], sys.argv[2])
"""

FORK = """
import os, pytest, work

def test_it(tmp_path):
    child = os.fork()
    if not child:
        try: work.work(work.{how}, tmp_path / "out")
        except BaseException: os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert "{how}" == "limited" or (tmp_path / "out").read_text() == "1"
"""

SCRIPT = """
import subprocess, sys

def test_it(tmp_path):
    subprocess.run([sys.executable, "work.py", "{how}", tmp_path / "out"], check=True)
    assert "{how}" == "limited" or (tmp_path / "out").read_text() == "1"
"""


@pytest.mark.parametrize("test", [FORK, SCRIPT], ids=["fork", "script"])
@pytest.mark.parametrize("how", ["closed", "standard", "limited"])
def test_it_works_as_without_us(project: Project, test: str, how: str) -> None:
    """Who cannot write down what it reads keeps its test from being stored, unless all of that is known before."""
    project.write("work.py", WORK)
    project.write("test_it.py", test.replace("{how}", how))
    assert project.run().exit == 0
    again = project.run()
    assert again.exit == 0
    assert how == "limited" or again.executed == set()
    project.write("work.py", WORK.replace("read(1)", "read(2)"))
    edited = project.run()
    assert edited.executed == {"test_it.py::test_it"}
    assert edited.outcomes["test_it.py::test_it"] == ("passed" if how == "limited" else "failed")


def test_the_way_to_the_interpreter_does_not_matter(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """`../venv/bin/python -m pytest` has children that run the same one."""
    python = Path(sys.executable)
    monkeypatch.setattr(sys, "executable", str(python.parent / ".." / python.parent.name / python.name))
    project.write(
        "test_it.py",
        "import subprocess, sys\n"
        "def test_it(): subprocess.run([sys.executable, '-c', ''], check=True)\n"
        f"def test_plain(): subprocess.run([{str(python)!r}, '-c', ''], check=True)\n",
    )
    assert project.run().exit == 0
    assert project.run().executed == set()


def test_an_interpreter_that_says_its_version(project: Project) -> None:
    """It ends before it could report, and nobody waits for that."""
    ask = "subprocess.run([sys.executable, {!r}], check=True, capture_output=True)\n"
    tests = (f"def test_{at}(): {ask.format(how)}" for at, how in enumerate(("--version", "-V", "-VV")))
    project.write("test_it.py", "import subprocess, sys\n" + "".join(tests))
    assert project.run().exit == 0
    assert project.run().executed == set()


def test_a_child_that_forks_workers_is_no_reason_to_run(project: Project) -> None:
    """What we keep for ourselves is nothing that a worker has read; what it has read counts."""
    project.write("work.py", "def number(): return int(open('n.txt').read())\n")
    project.write("n.txt", "1")
    project.write(
        "test_it.py",
        "import multiprocessing, work\ndef test_it():\n"
        "    context = multiprocessing.get_context('forkserver')\n"
        "    worker = context.Process(target=check)\n    worker.start()\n    worker.join()\n"
        "    assert worker.exitcode == 0\n"
        "def check(): assert work.number() == 1\n",
    )
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.write("n.txt", "2")
    assert project.run().exit == 1


def test_what_a_child_reads_in_a_folder_of_the_test_is_no_input(project: Project) -> None:
    """As if the test had read it; pytest removes the folder three runs later. What a link in there leads to counts."""
    project.write(
        "work.py",
        "import os, sys\nfolder = sys.argv[1]\n"
        "number = int(open(folder + '/n').read()) if os.path.exists(folder + '/n') else 0\n"
        "assert not os.path.exists(folder + '/settings') and os.listdir(folder)\n"
        "assert open(folder + '/linked/rate').read() == '1'\n"
        "open(folder + '/n', 'w').write(str(number + 1))\n",
    )
    project.write("data/rate", "1")
    project.write(
        "test_it.py",
        "import os, subprocess, sys\ndef test_it(tmp_path):\n"
        "    os.symlink(os.path.abspath('data'), tmp_path / 'linked')\n"
        "    for _ in range(2): subprocess.run([sys.executable, 'work.py', str(tmp_path)], check=True)\n"
        "    assert (tmp_path / 'n').read_text() == '2'\n",
    )
    project.write("test_other.py", "def test_other(tmp_path): pass\n")
    assert project.run().exit == 0
    for _ in range(4):
        assert project.run("--cached=refresh", "test_other.py").exit == 0
    assert project.run().executed == set()
    project.write("data/rate", "2")
    assert project.run().exit == 1


def test_what_a_child_reads_in_a_folder_of_all_tests_may_be_anothers(project: Project) -> None:
    project.write(
        "conftest.py",
        "import pytest\n@pytest.fixture(scope='session')\n"
        "def folder(tmp_path_factory): return tmp_path_factory.mktemp('all')\n",
    )
    project.write("work.py", "import sys\nassert open(sys.argv[1]).read() == '1'\n")
    project.write("text.py", "def text(): return '1'\n")
    project.write(
        "test_it.py",
        "import subprocess, sys, text\ndef test_0(folder): (folder / 'n').write_text(text.text())\n"
        "def test_it(folder): subprocess.run([sys.executable, 'work.py', str(folder / 'n')], check=True)\n",
    )
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("text.py", "'1'", "'2'")
    assert list(project.run().outcomes.values()) == ["passed", "failed"]


def test_what_a_child_imports_may_be_named_like_a_test_file(project: Project) -> None:
    """Its module counts as a whole for who imports it; a child, which parses nothing, sees the same as its parent."""
    project.write("kit/__init__.py", "")
    project.write("kit/test.py", "import sys\nCOUNT = len(sys.argv)\ndef client(): return COUNT\n")
    project.write("other.py", "import kit.test\n")
    project.write("app.py", "import other\nimport kit.test\nprint(kit.test.client())\n")
    call = "subprocess.run([sys.executable, 'app.py'], capture_output=True, text=True).stdout"
    project.write("test_it.py", f"import subprocess, sys\ndef test_it(): assert {call} == '1\\n'\n")
    assert project.run().executed == {"test_it.py::test_it"}
    assert project.run().executed == set()
    project.edit("kit/test.py", "len(sys.argv)", "2")
    assert project.run().outcomes["test_it.py::test_it"] == "failed"
