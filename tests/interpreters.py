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


def for_every_user(place: Path) -> str:
    """A Python that also a user without rights can start: this one, or a copy if it stands in somebody's home."""
    try:
        done = subprocess.run([sys.executable, "-c", _CAN_RUN], user=NOBODY, capture_output=True, check=False)
        if done.returncode == 0:
            return sys.executable
    except PermissionError:
        pass
    place.mkdir(mode=0o755)
    base = Path(sys.base_prefix)
    shutil.copytree(base / _LIBRARY, place / _LIBRARY, ignore=shutil.ignore_patterns(*_NOT_NEEDED))
    for library in (base / "lib").glob("libpython*.so*"):  # none if the interpreter holds it
        shutil.copy(library, place / "lib")
    for distribution in _needed("testcache"):
        for file in distribution.files or ():
            origin = Path(str(file.locate()))
            if ".." not in file.parts and origin.exists():
                target = place / _LIBRARY / "site-packages" / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(origin, target)  # with its date, which byte code goes by
    shutil.copytree(HERE.parent / "testcache", place / _LIBRARY / "site-packages" / "testcache")
    (place / "bin").mkdir()
    real = shutil.copy(os.path.realpath(sys.executable), place / "bin" / "real")
    start = place / "bin" / "python"  # the interpreter knows only the first place of its library
    start.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH="{place / "lib"}" exec "{real}" "$@"\n')
    start.chmod(0o755)
    return str(start)


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
