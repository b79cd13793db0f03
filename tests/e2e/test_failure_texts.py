"""What a failure looks like: as without testcache, though calls into the system are watched."""

from __future__ import annotations

import re

import pytest
from harness import Project

FAILURES = """
import importlib, importlib.metadata, linecache, os, subprocess
def test_variable(): os.environ["NOT_SET"]
def test_stat(): os.stat("missing")
def test_link(): os.readlink("missing")
def test_times(): os.path.getmtime("missing")
def test_process(): subprocess.run(["no-such-program"])
def test_import(): import broken
def test_imported(): importlib.import_module("no_such_module")
def test_version(): importlib.metadata.version("no-such-distribution")
def test_assigned(): os.environ["A"] = 1
def test_fixture(request): request.getfixturevalue("no_such_fixture")
"""


def failures(text: str) -> str:
    """The part of the output that shows failures and errors, without what differs from run to run."""
    shown = text.partition("= ERRORS =")[2].partition("= short test summary")[0]
    return re.sub(r"0x[0-9a-f]+|environ\(\{.*", "", shown)


@pytest.mark.parametrize("style", ["auto", "short", "long"])
def test_failures_read_as_without_the_cache(project: Project, style: str) -> None:
    """Nothing of testcache stands in a traceback, be it of a test or of a file that cannot be imported."""
    project.write("broken.py", "import no_such_module\n")
    project.write("test_it.py", FAILURES)
    project.write("test_broken.py", "import broken\ndef test_it(): pass\n")
    common = ("--continue-on-collection-errors", f"--tb={style}", "-p", "no:cacheprovider")
    plain, cached = (failures(project.run(mode, *common).text) for mode in ("--cached=off", "--cached"))
    assert "test_assigned" in plain
    assert cached == plain
