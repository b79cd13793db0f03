"""Other Pythons for tests: one of another version, and one that every user of the machine can start."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import HERE
from packaging.requirements import Requirement

OTHER_PYTHON = "TESTCACHE_OTHER_PYTHON"
"""Names a second interpreter that has what testcache needs."""

NOBODY = 65_534
_LIBRARY = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}"
_NOT_NEEDED = ("site-packages", "test", "idlelib", "tkinter", "turtledemo", "ensurepip", "config-*")
_CAN_RUN = "import sys, pytest, msgspec, xxhash, diskcache; print(sys.version_info[:2])"


def of_another_version() -> str:
    """A second interpreter, of another version, that can run testcache; skips the test without one.

    `.ci/run` makes an environment for each Python of the machine before the tests of the first one.
    """
    beside = sorted(Path(sys.prefix).parent.glob("*/bin/python"))  # a glob takes names with a dot as well
    for candidate in filter(os.path.exists, [os.environ.get(OTHER_PYTHON, ""), *map(str, beside)]):
        done = subprocess.run([candidate, "-c", _CAN_RUN], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip() != str(sys.version_info[:2]):
            return candidate
    pytest.skip(f"no environment of another Python beside this one has what testcache needs: see {OTHER_PYTHON}")


def for_every_user(place: Path) -> tuple[str, dict[str, str]]:
    """A Python that also a user without rights can start, and variables for it.

    It is this one, or a copy if one of its parts stands where only we may look: an environment of its own with what
    testcache needs, and a search path without our checkout.
    """
    if _nobody_can(sys.executable, f"{_CAN_RUN}; import os; os.listdir({str(HERE.parent)!r})"):
        return sys.executable, {}
    place.mkdir(mode=0o755)
    base = Path(os.path.realpath(sys.executable))
    if not _nobody_can(str(base), "import os"):
        base = _copied(base, place / "base")
    (place / "bin").mkdir()
    (place / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    real = shutil.copy(base, place / "bin" / "real")
    site = place / _LIBRARY / "site-packages"
    for distribution in _needed("testcache"):
        for file in distribution.files or ():
            origin = Path(str(file.locate()))
            if ".." not in file.parts and origin.exists():
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(origin, site / file)  # with its date, which byte code goes by
    shutil.copytree(HERE.parent / "testcache", site / "testcache")
    start = place / "bin" / "python"  # the interpreter knows only the first place of its library
    start.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH="{base.parents[1] / "lib"}" exec "{real}" "$@"\n')
    start.chmod(0o755)
    return str(start), {"PYTHONPATH": ""}


def _nobody_can(python: str, program: str) -> bool:
    try:
        return subprocess.run([python, "-c", program], user=NOBODY, capture_output=True, check=False).returncode == 0
    except PermissionError:
        return False


def _copied(python: Path, place: Path) -> Path:
    """A copy of an interpreter with its library, without what is installed for it."""
    origin = Path(sys.base_prefix)
    shutil.copytree(origin / _LIBRARY, place / _LIBRARY, ignore=shutil.ignore_patterns(*_NOT_NEEDED))
    for library in (origin / "lib").glob("libpython*.so*"):  # none if the interpreter holds it
        shutil.copy(library, place / "lib")
    (place / "bin").mkdir()
    return Path(shutil.copy(python, place / "bin"))


def _needed(name: str) -> Iterator[importlib.metadata.Distribution]:
    """The distributions that one needs, directly or not."""
    pending, known = [name], {name}
    while pending:
        for text in importlib.metadata.requires(pending.pop()) or ():
            needed = Requirement(text)
            if needed.name not in known and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
                known.add(needed.name)
                pending.append(needed.name)
                yield importlib.metadata.distribution(needed.name)
