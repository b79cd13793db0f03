"""How cost grows with the number of tests: a generated project of many files, recorded and then left alone."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import FRESH_S, Ran, run
from benchmarks.tools import BARE, TESTCACHE

TESTS_PER_FILE = 50
INPUTS = 30
"""First-party modules that each test file imports, about; a test calls one function of each."""


@dataclass(frozen=True)
class Point:
    """Figures of one size; seconds are CPU seconds, sizes are bytes.

    Attributes:
        tests: how many there are.
        bare_s, cold_s: a full run by pytest, and one that records.
        warm_s, floor_s: nothing changed; pytest with every test file ignored.
        check_s, seal_s: `testcache run`, in full and by its seal.
        clone_s: `testcache run` in a copy, where every time is new.
        peak_mib: memory of the full check.
        store: the store's size.
    """

    tests: int
    bare_s: float
    cold_s: float
    warm_s: float
    floor_s: float
    check_s: float
    seal_s: float
    clone_s: float
    peak_mib: float
    store: int


def generate(folder: Path, tests: int) -> None:
    """Write modules, and files of tests that each call one function of thirty modules."""
    files = max(1, tests // TESTS_PER_FILE)
    modules = max(INPUTS, files)
    for number in range(modules):
        (folder / f"m{number}.py").write_text(f"def value(x):\n    return x + {number}\n")
    for number in range(files):
        used = [(number * 7 + step * step) % modules for step in range(INPUTS)]
        imports = "".join(f"import m{module}\n" for module in dict.fromkeys(used))
        total = " + ".join(f"m{module}.value(x)" for module in used)
        tests_text = "".join(f"def test_{n}():\n    assert total({n}) > 0\n\n" for n in range(TESTS_PER_FILE))
        (folder / f"test_{number}.py").write_text(f"{imports}\n\ndef total(x):\n    return 1 + {total}\n\n{tests_text}")


def measured(tests: int) -> Point:
    """Generate, record, and run again in each way. Cost: minutes from 10,000 tests on."""
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as temporary:
        home = Path(temporary)
        python = TESTCACHE.python(home, ())
        tree = home / "tree"
        tree.mkdir()
        generate(tree, tests)

        def pytest(*arguments: str) -> Ran:
            done = run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments], tree)
            assert done.exit in (0, 5), done.text[-2000:]
            return done

        def alone(folder: Path) -> Ran:
            return run([python, "-m", "testcache", "run", "-q", "-p", "no:cacheprovider"], folder)

        pytest(*BARE.arguments)  # byte code, of rewritten assertions too, is there from here on
        bare = pytest(*BARE.arguments)
        cold = pytest(*TESTCACHE.arguments)
        pytest(*TESTCACHE.arguments)
        warm = pytest(*TESTCACHE.arguments)
        floor = pytest("--ignore-glob=*")
        time.sleep(FRESH_S)
        check = alone(tree)
        alone(tree)
        seal = alone(tree)
        store = sum(path.stat().st_size for path in (tree / ".testcache").rglob("*") if path.is_file())
        copy = home / "copy"
        shutil.copytree(tree, copy, copy_function=shutil.copyfile)
        for path in (copy / ".testcache").rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
        clone = alone(copy)
    return Point(
        tests,
        bare_s=bare.cpu_s,
        cold_s=cold.cpu_s,
        warm_s=warm.cpu_s,
        floor_s=floor.cpu_s,
        check_s=check.cpu_s,
        seal_s=seal.cpu_s,
        clone_s=clone.cpu_s,
        peak_mib=check.peak_mib,
        store=store,
    )
