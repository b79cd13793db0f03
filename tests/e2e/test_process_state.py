"""What a test or an import changes in the process itself, and does not put back, counts for those that feel it."""

from __future__ import annotations

import pytest
from harness import Project

HEAD = "import decimal, locale, logging, os, socket, sys\n"
DATA = "def test_b(): assert open('data.txt').read() == '1'\n"
FOO = "def test_b():\n    import foo\n    assert foo\n"
LOGS = "import logging\ndef test_b(caplog):\n    logging.getLogger('x').{0}('hi')\n    assert {1} caplog.records\n"

FOLDERS = "import os, sys\nSECOND = os.path.abspath('two')\nsys.path += [os.path.abspath('one'), SECOND]\n"

STATES = {
    "the folder, by a file": ("os.chdir('sub')", "pass", DATA),
    "the folder, by a path": (
        "os.chdir('sub')",
        "pass",
        "from pathlib import Path\ndef test_b(): assert Path('data.txt').exists()\n",
    ),
    "the folder itself": ("os.chdir('sub')", "pass", "import os\ndef test_b(): assert os.getcwd().endswith('sub')\n"),
    "where modules are": ("sys.path.insert(0, os.path.abspath('sub'))", "pass", FOO),
    "the order of folders": (
        "import conftest; sys.path.remove(conftest.SECOND); sys.path.insert(0, conftest.SECOND)",
        "pass",
        "def test_b():\n    import found\n    assert found.X == 2\n",
    ),
    "decimal numbers": (
        "decimal.getcontext().prec = 5",
        "decimal.getcontext().prec = 6",
        "from decimal import Decimal\ndef test_b(): assert str(Decimal(1) / 3) == '0.33333'\n",
    ),
    "recursion": (
        "sys.setrecursionlimit(5000)",
        "sys.setrecursionlimit(1000)",
        "def deep(n): return n and deep(n - 1)\ndef test_b(): assert deep(3000) == 0\n",
    ),
    "what is logged": ("logging.disable(logging.CRITICAL)", "pass", LOGS.format("error", "not")),
    "from which level on": ("logging.getLogger().setLevel(logging.DEBUG)", "pass", LOGS.format("debug", "")),
    "the locale": (
        "locale.setlocale(locale.LC_ALL, 'C.UTF-8')",
        "locale.setlocale(locale.LC_ALL, 'C')",
        "import locale\ndef test_b(): assert locale.setlocale(locale.LC_NUMERIC) == 'C.UTF-8'\n",
    ),
    "timeouts of sockets": (
        "socket.setdefaulttimeout(5)",
        "socket.setdefaulttimeout(6)",
        "import socket\ndef test_b(): assert socket.getdefaulttimeout() == 5\n",
    ),
}
DIALS = {
    "rights of new files": (
        "import os",
        "os.umask(0o077)",
        "def test_b(tmp_path):\n    path = tmp_path / 'x'\n    path.touch()\n"
        "    assert path.stat().st_mode & 0o777 == 0o600\n",
    ),
    "random numbers": (
        "import random",
        "random.seed(42)",
        "from random import randint\ndef test_b(): assert randint(0, 10**9) == 686579303\n",
    ),
    "signals": (
        "import signal",
        "signal.signal(signal.SIGUSR1, signal.SIG_IGN)",
        "import signal\ndef test_b(): assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN\n",
    ),
    "garbage": ("import gc", "gc.disable()", "import gc\ndef test_b(): assert not gc.isenabled()\n"),
    "weeks": (
        "import calendar",
        "calendar.setfirstweekday(6)",
        "import calendar\ndef test_b(): assert calendar.weekheader(2).startswith('Su')\n",
    ),
    "dialects": (
        "import csv",
        "csv.register_dialect('semi', delimiter=';')",
        "import csv\ndef test_b(): assert next(csv.reader(['a;b'], 'semi')) == ['a', 'b']\n",
    ),
    "types of files": (
        "import mimetypes",
        "mimetypes.add_type('x/y', '.xyz')",
        "from mimetypes import guess_type\ndef test_b(): assert guess_type('a.xyz')[0] == 'x/y'\n",
    ),
    "how to pickle": (
        "import copyreg",
        "copyreg.pickle(range, repr)",
        "import copyreg\ndef test_b(): assert copyreg.dispatch_table[range] is repr\n",
    ),
    "who opens addresses": (
        "import urllib.request",
        "urllib.request.install_opener(urllib.request.build_opener(urllib.request.HTTPHandler))",
        "import urllib.request as found\ndef test_b(): assert found._opener\n",
    ),
    "loops": (
        "import asyncio",
        "asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())",
        "from asyncio import events\ndef test_b(): assert events._event_loop_policy\n",
    ),
    "what a database takes": (
        "import sqlite3",
        "sqlite3.register_adapter(complex, str)",
        "import sqlite3\ndef test_b():\n    db = sqlite3.connect(':memory:')\n"
        "    assert db.execute('select ?', (1j,)).fetchone() == ('1j',)\n",
    ),
    "names of levels": (
        "import logging",
        "logging.addLevelName(5, 'TRACE')",
        "import logging\ndef test_b(): assert logging.getLevelName(5) == 'TRACE'\n",
    ),
    "traps": (
        "import decimal",
        "decimal.getcontext().traps[decimal.DivisionByZero] = False",
        "from decimal import Decimal\ndef test_b(): assert Decimal(1) / 0 == Decimal('inf')\n",
    ),
    "names of elements": (
        "from xml.etree import ElementTree",
        "ElementTree.register_namespace('q', 'urn:x')",
        "from xml.etree.ElementTree import Element, tostring\n"
        "def test_b(): assert tostring(Element('{urn:x}a')).startswith(b'<q:a')\n",
    ),
    "how numpy prints": (
        "import numpy",
        "numpy.set_printoptions(precision=2)",
        "import numpy\ndef test_b(): assert str(numpy.array([1 / 3])) == '[0.33]'\n",
    ),
    "loggers above": (
        "import logging",
        "logging.getLogger('app').setLevel(logging.DEBUG)",
        "import logging\nLOG = logging.getLogger('app.db')\ndef test_b(): assert LOG.isEnabledFor(logging.DEBUG)\n",
    ),
    "what is told of warnings": (
        "import warnings",
        "warnings.simplefilter('ignore')",
        "import warnings\ndef test_b():\n    try: warnings.warn('old', UserWarning)\n    finally: "
        "assert warnings.filters[0][0] == 'ignore'\n",
    ),
    "limits": (
        "import resource",
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
        "import resource\ndef test_b(): assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)\n",
    ),
    "loops that are gone": (
        "import asyncio",
        "asyncio.run(asyncio.sleep(0))",
        "import asyncio, pytest\ndef test_b():\n    with pytest.raises(RuntimeError): asyncio.get_event_loop()\n",
    ),
    "blocked signals": (
        "import signal",
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])",
        "import signal\ndef test_b(): assert signal.SIGUSR2 in signal.pthread_sigmask(signal.SIG_BLOCK, [])\n",
    ),
    "rare signals": (
        "import signal",
        "signal.signal(signal.SIGWINCH, signal.SIG_IGN)",
        "import signal\ndef test_b(): assert signal.getsignal(signal.SIGWINCH) == signal.SIG_IGN\n",
    ),
    "how processes are started": (
        "import multiprocessing",
        "multiprocessing.set_start_method('spawn', force=True)",
        "import multiprocessing\ndef test_b(): assert multiprocessing.get_start_method() == 'spawn'\n",
    ),
    "kinds of archives": (
        "import shutil",
        "shutil.register_archive_format('shop', print)",
        "import shutil\ndef test_b(): assert 'shop' in dict(shutil.get_archive_formats())\n",
    ),
    "charsets of mails": (
        "import email.charset",
        "email.charset.add_alias('shop', 'utf-8')",
        "from email.charset import Charset\ndef test_b(): assert str(Charset('shop')) == 'utf-8'\n",
    ),
    "where messages are": (
        "import gettext",
        "gettext.textdomain('shop')",
        "import gettext\ndef test_b(): assert gettext.textdomain() == 'shop'\n",
    ),
    "who translates": (
        "import gettext\nclass Loud(gettext.NullTranslations):\n    def gettext(self, text): return text.upper()",
        "Loud().install()",
        "import builtins\ndef test_b(): assert builtins._('a') == 'A'\n",
    ),
    "flags of doctests": (
        "import doctest",
        "doctest.register_optionflag('SHOP')",
        "import doctest\ndef test_b(): assert 'SHOP' in doctest.OPTIONFLAGS_BY_NAME\n",
    ),
    "who listens to calls": (
        "import threading\ndef listen(*_): 0",
        "threading.setprofile(listen)",
        "import threading\ndef test_b(): assert threading._profile_hook is not None\n",
    ),
    "traces of memory": (
        "import tracemalloc",
        "tracemalloc.start()",
        "import tracemalloc\ndef test_b(): assert tracemalloc.is_tracing()\n",
    ),
    "long numbers": (
        "import sys",
        "sys.set_int_max_str_digits(10_000)",
        "def test_b(): assert len(str(10**9_000)) == 9_001\n",
    ),
    "turns of threads": (
        "import sys",
        "sys.setswitchinterval(0.5)",
        "import sys\ndef test_b(): assert sys.getswitchinterval() == 0.5\n",
    ),
    "the time zone": (
        "import os, time",
        "os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()",
        "from datetime import datetime\ndef test_b(): assert datetime.fromtimestamp(0).hour == 9\n",
    ),
}
B = "test_b.py::test_b"


@pytest.mark.parametrize("dial", DIALS)
def test_who_feels_a_dial_rests_on_it(project: Project, dial: str) -> None:
    """Replayed as long as an earlier test turns it, run if that leaves it alone, or turns it for the first time."""
    imports, turns, asks = DIALS[dial]
    project.write("test_a.py", f"{imports}\ndef test_a():\n    {turns}\n    assert True\n")
    project.write("test_b.py", asks)
    if dial == "what is told of warnings":  # else pytest puts them back itself
        project.write("pytest.ini", "[pytest]\naddopts = -p no:warnings\n")
    first = project.run()
    assert set(first.outcomes.values()) == {"passed"}, first.text
    assert project.run().executed == set()
    project.edit("test_a.py", "assert True", "assert 1")
    same = project.run()
    assert (same.exit, same.executed) == (0, {"test_a.py::test_a"}), same.text
    project.edit("test_a.py", turns, "pass")
    assert project.run().outcomes[B] == "failed"
    project.edit("test_a.py", "pass", turns)
    assert project.run().outcomes[B] == "passed"


@pytest.mark.parametrize("dial", ["random numbers", "weeks", "what a database takes"])
def test_an_import_may_turn_a_dial(project: Project, dial: str) -> None:
    """As a test may."""
    imports, turns, asks = DIALS[dial]
    project.write("helper.py", f"{imports}\n{turns}\n")
    project.write("test_a.py", "import helper\ndef test_a(): pass\n")
    project.write("test_b.py", asks)
    first = project.run()
    assert set(first.outcomes.values()) == {"passed"}, first.text
    assert project.run().executed == set()
    project.edit("helper.py", turns, "")
    assert project.run().outcomes[B] == "failed"


def test_who_seeds_for_each_test_has_no_other_run(project: Project) -> None:
    """What a test leaves of the same seed is the same, whatever else is edited in it."""
    project.write("conftest.py", "import pytest, random\n@pytest.fixture(autouse=True)\ndef seeds(): random.seed(0)\n")
    for name in "abc":
        project.write(f"test_{name}.py", f"import random\ndef test_{name}(): assert random.random() < 1\n")
    assert project.run().exit == 0
    project.edit("test_a.py", "assert random", "assert 1 and random")
    assert project.run().executed == {"test_a.py::test_a"}


@pytest.mark.parametrize("by", ["a test", "an import"])
@pytest.mark.parametrize("state", STATES)
def test_who_feels_it_rests_on_it(project: Project, state: str, by: str) -> None:
    """Replayed as long as it is done, and done the same; run, and failed, if it is not."""
    does, other, asks = STATES[state]
    project.write("sub/data.txt", "1")
    project.write("sub/foo.py", "X = 1\n")
    project.write("conftest.py", FOLDERS)
    project.write("one/found.py", "X = 1\n")
    project.write("two/found.py", "X = 2\n")
    name = "test_a.py" if by == "a test" else "helper.py"
    project.write("test_a.py", "import helper\ndef test_a(): pass\n")
    project.write(name, f"{HEAD}def test_a(): {does}\n" if by == "a test" else f"{HEAD}{does}\n")
    project.write("test_b.py", asks)
    first = project.run()
    assert set(first.outcomes.values()) == {"passed"}, first.text
    assert project.run().executed == set()
    if by == "an import":  # it is done again wherever a test runs
        project.edit("test_b.py", "assert", "assert 1 and")
        again = project.run()
        assert (again.outcomes[B], B in again.executed) == ("passed", True), again.text
    project.edit(name, does, other)
    assert project.run().outcomes[B] == "failed"


UNDONE = {
    "put back": "def test_a(monkeypatch, tmp_path):\n    monkeypatch.chdir(tmp_path)\n    assert 1\n",
    "left, in a temporary folder": "import os\ndef test_a(tmp_path):\n    os.chdir(tmp_path)\n    assert 1\n",
}


@pytest.mark.parametrize("case", UNDONE)
def test_an_edit_that_does_the_same_runs_nobody_else(project: Project, case: str) -> None:
    """A folder that has another name each time is the same one."""
    project.write("test_a.py", UNDONE[case])
    project.write("test_b.py", "import os\ndef test_b(): assert os.path.exists(os.path.abspath(__file__))\n")
    project.run()
    assert project.run().executed == set()
    project.edit("test_a.py", "assert 1", "assert 2")
    assert project.run().executed == {"test_a.py::test_a"}


def test_the_folder_above_a_package_is_put_first_by_nobody(project: Project) -> None:
    """Pytest does so when the first test below it is set up, whichever that is, and though it is searched already."""
    project.write("tests/__init__.py", "")
    project.write("shop.py", "RATE = 1\n")
    project.write("tests/api/test_a.py", "def test_a(): assert True\n")
    project.write("tests/api/test_b.py", "def test_b():\n    import shop\n    assert shop.RATE\n")
    project.write("tests/web/test_c.py", "import shop\ndef test_c(): assert shop.RATE\n")
    searched = {"PYTHONPATH": f"{project.environment()['PYTHONPATH']}:{project.path}"}
    assert len(project.run("tests", env=searched).executed) == 3
    assert project.run("tests", env=searched).executed == set()
    project.edit("tests/api/test_a.py", "True", "False")
    assert project.run("tests", env=searched).executed == {"tests/api/test_a.py::test_a"}


STOPPED = """
import sys, time

MOMENT = 4e9  # in the year 2096
STOPPED = {"time": lambda: MOMENT, "time_ns": lambda: int(MOMENT * 1e9), "monotonic": lambda: 1 // 0}

def test_stops():
    for name, stopped in STOPPED.items():
        real = getattr(time, name)
        for module in [*sys.modules.values()]:
            for one in [one for one, value in vars(module).items() if value is real]:
                setattr(module, one, stopped)

def test_next(): assert time.time() == MOMENT
"""


def test_a_clock_that_a_test_stops_is_not_ours(project: Project) -> None:
    """Nobody puts it back, in any module; what is recorded has the true moment all the same, and the run ends well."""
    project.write("test_it.py", STOPPED)
    assert project.run().exit == 0
    assert "2096" not in project.cli("explain", "test_it.py").stdout
    assert project.run().executed == set()
