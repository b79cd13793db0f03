"""The suites that are measured: released projects with their own tests, and two that are generated."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Suite:
    """One suite.

    Attributes:
        name: as the tables show it.
        about: what it is like, in a few words.
        make: puts it into an empty folder and returns the folder to run in.
        source: what stands on PYTHONPATH, below that folder.
        needs: packages its tests need.
        file, old, new: one edit of the body of a function that some tests run.
    """

    name: str
    about: str
    make: Callable[[Path], Path]
    source: str
    needs: tuple[str, ...]
    file: str
    old: str
    new: str


def release(name: str, version: str) -> Callable[[Path], Path]:
    """Download and unpack the sources of a release."""

    def make(folder: Path) -> Path:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "--no-binary", ":all:", "--dest", folder, f"{name}=={version}"], check=True)
        with tarfile.open(next(folder.glob("*.tar.gz"))) as sources:
            sources.extractall(folder, filter="data")
        return next(path for path in folder.iterdir() if path.is_dir())

    return make


def tiny(folder: Path) -> Path:
    """A thousand tests that each call one small function of twenty modules."""
    for number in range(20):
        functions = "".join(f"def f{n}(x):\n    return x + {n}\n\n" for n in range(50))
        (folder / f"m{number}.py").write_text(functions)
        tests = "".join(f"def test_{n}():\n    assert m{number}.f{n}(1) == {n + 1}\n\n" for n in range(50))
        (folder / f"test_m{number}.py").write_text(f"import m{number}\n\n{tests}")
    return folder


HEAVY = """
def primes(limit):
    found = []
    for number in range(2, limit):
        if is_prime(number, found):
            found.append(number)
    return found


def is_prime(number, smaller):
    for prime in smaller:
        if prime * prime > number:
            return True
        if number % prime == 0:
            return False
    return True


def steps(number):
    count = 0
    while number != 1:
        number = half(number) if number % 2 == 0 else 3 * number + 1
        count += 1
    return count


def half(number):
    return number // 2
"""


def heavy(folder: Path) -> Path:
    """Forty tests that spend their time in loops and small calls of pure Python."""
    (folder / "numbers_.py").write_text(HEAVY)
    tests = "import numbers_ as n\n\n"
    for number in range(20):
        tests += f"def test_primes_{number}():\n    assert n.primes({3000 + number})[:2] == [2, 3]\n\n"
        tests += f"def test_steps_{number}():\n    assert max(map(n.steps, range(1, {700 + number}))) > 100\n\n"
    (folder / "test_numbers.py").write_text(tests)
    return folder


SUITES = (
    Suite(
        "boltons", "pure Python, 519 tests", release("boltons", "26.2.0"), ".", (), "boltons/strutils.py",
        "    if version and obj.version != int(version):\n", "    if version and int(version) != obj.version:\n",
    ),
    Suite(
        "click", "2,459 tests", release("click", "8.5.1"), "src", ("click==8.5.1",), "src/click/formatting.py",
        "    widths: dict[int, int] = {}\n", "    widths: dict[int, int] = dict()\n",
    ),
    Suite(
        "attrs", "1,386 tests, some by hypothesis", release("attrs", "26.1.0"), "src", ("hypothesis", "cloudpickle"),
        "src/attr/converters.py", "    if val in (True,", "    if val in (True, True,",
    ),
    Suite("heavy", "generated: pure Python loops", heavy, ".", (), "numbers_.py", "number // 2", "number >> 1"),
    Suite("tiny", "generated: 1,000 tiny tests", tiny, ".", (), "m7.py", "return x + 7\n", "return 7 + x\n"),
)  # fmt: skip
