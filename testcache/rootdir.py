"""Where a project begins, found the way pytest finds its rootdir, without pytest."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Mapping
from pathlib import Path

_ALWAYS = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
_STORE = ".testcache"


def find(start: Path) -> Path:
    """Return the rootdir of a pytest that is started in `start` without paths.

    The nearest folder upwards with a configuration of pytest; else the nearest with a pyproject.toml,
    a setup.py or a store; else `start` itself. Does not see `-c` or `--rootdir` among pytest's
    `addopts`.
    """
    folders = (start.absolute(), *start.absolute().parents)
    for folder in folders:
        if _configures_pytest(folder):
            return folder
    for name in ("pyproject.toml", "setup.py"):
        for folder in folders:
            if (folder / name).is_file():
                return folder
    for folder in folders:
        if (folder / _STORE / "CACHEDIR.TAG").is_file():
            return folder
    return folders[0]


def _configures_pytest(folder: Path) -> bool:
    return (
        any((folder / name).is_file() for name in _ALWAYS)
        or _has_table(folder / "pyproject.toml")
        or _has_section(folder / "tox.ini", "pytest")
        or _has_section(folder / "setup.cfg", "tool:pytest")
    )


def _has_table(path: Path) -> bool:
    """Whether a pyproject.toml has [tool.pytest] with keys in it or [tool.pytest.ini_options]."""
    try:
        tool = tomllib.loads(path.read_text(encoding="utf-8")).get("tool")
    except (OSError, ValueError):  # pytest itself will say what is wrong with it
        return False
    table = tool.get("pytest") if isinstance(tool, Mapping) else None
    return isinstance(table, Mapping) and bool(table)


def _has_section(path: Path, section: str) -> bool:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, configparser.Error):
        return False
    return parser.has_section(section)
