"""The rootdir is the folder that pytest would find."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from testcache import rootdir

LAYOUTS = {
    "pytest.ini above": {"pytest.ini": "", "pyproject.toml": ""},
    "an empty pytest.ini below": {"pytest.ini": "[pytest]\n", "sub/pytest.ini": ""},
    "pytest.toml": {"sub/.pytest.toml": ""},
    "pyproject with ini options": {"pyproject.toml": "[tool.pytest.ini_options]\n"},
    "pyproject with a native table": {"pyproject.toml": "[tool.pytest]\naddopts = []\n"},
    "pyproject of others below": {"pytest.ini": "", "sub/pyproject.toml": "[tool.ruff]\n"},
    "pyproject of others alone": {"sub/pyproject.toml": "[tool.ruff]\n"},
    "tox.ini with a section": {"tox.ini": "[pytest]\n", "sub/deep/tox.ini": "[tox]\n"},
    "setup.cfg with a section": {"setup.cfg": "[tool:pytest]\n"},
    "setup.py only": {"setup.py": "", "sub/setup.cfg": "[metadata]\n"},
    "nothing at all": {},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_is_the_one_that_pytest_finds(tmp_path: Path, layout: str) -> None:
    """For each way to configure pytest, and for none, both look from the same place."""
    start = tmp_path / "sub" / "deep"
    start.mkdir(parents=True)
    for name, text in LAYOUTS[layout].items():
        (tmp_path / name).write_text(text)
    found = rootdir.find(start)
    code = (
        "import sys, pathlib\n"
        "from _pytest.config.findpaths import determine_setup\n"
        "print(determine_setup(inifile=None, override_ini=None, args=[], rootdir_cmd_arg=None,"
        f" invocation_dir=pathlib.Path({str(start)!r}))[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=start, check=True)
    assert str(found) == done.stdout.strip()


def test_without_any_configuration_a_store_marks_the_rootdir(tmp_path: Path) -> None:
    """Below a folder that only has a store, commands speak of that store."""
    (tmp_path / ".testcache").mkdir()
    (tmp_path / ".testcache" / "CACHEDIR.TAG").write_text("")
    (tmp_path / "sub").mkdir()
    assert rootdir.find(tmp_path / "sub") == tmp_path


def test_a_broken_file_is_not_ours_to_complain_about(tmp_path: Path) -> None:
    """pytest says what is wrong with its configuration; commands go on."""
    (tmp_path / "pyproject.toml").write_text("[tool.pytest\n")
    (tmp_path / "tox.ini").write_bytes(b"\xff\xfe")
    assert rootdir.find(tmp_path) == tmp_path
