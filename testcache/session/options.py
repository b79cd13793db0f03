"""Options that tests may rest on though they do not hold for the whole run: inputs of those that read them.

These are the options that conftest files add, and those of pytest itself that select tests or say what is shown: a
conftest file may skip what nobody has selected by `-m slow`.
So is the command line itself, for code that mentions `sys.argv`.
Does not see: `config.args`, `config.invocation_params`, and `vars(config.option)`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Final

import pytest

from testcache.inputs.invocation import COMMAND_LINE, command_line
from testcache.inputs.world import option_digest
from testcache.model import Digest

SELECTING: Final = frozenset(
    {
        "file_or_dir", "keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "failedfirst", "newfirst",
        "stepwise", "maxfail", "doctestmodules", "doctestglob",
    }
)  # fmt: skip
"""Options of pytest by which hooks of a project may tell what the run is for."""

SHOWING: Final = frozenset(
    {
        "verbose", "quiet", "no_header", "no_summary", "reportchars", "tbstyle", "showlocals", "fulltrace", "color",
        "durations", "showcapture", "xmlpath", "traceconfig", "disable_warnings", "debug",
    }
)  # fmt: skip
"""Options of pytest that say what is shown: hooks that show something may read them."""

_PYTEST: Final = pytest.Config.getoption.__code__.co_filename
_MOST_FRAMES: Final = 4
_REPORTING: Final = (
    "pytest_report_", "pytest_runtest_log", "pytest_terminal_summary", "pytest_sessionfinish", "pytest_unconfigure",
    "pytest_warning_recorded",
)  # fmt: skip
"""Beginnings of the names of hooks that show something."""

_MOST_CALLS: Final = 8
"""How far behind such a hook a function may read an option for it."""


class Options:
    """Watches who reads the options of a run that count for those alone.

    Args:
        config: of the run; no conftest file is loaded yet, so what is known by now is not theirs.
        read: is told the name and the value of an option that was read.
        is_project: whether a file is the project's own code.
    """

    def __init__(
        self,
        config: pytest.Config,
        read: Callable[[str, object], None],
        is_project: Callable[[str], bool],
    ) -> None:
        self._config = config
        self._read = read
        self._is_project = is_project
        self._before = _registered(config)
        self._early: set[str] | None = set()
        self._others: set[str] = set()
        self.names: frozenset[str] = frozenset()

    def begin(self) -> None:
        """All conftest files are loaded: turn each option into a property that tells of reads."""
        self.names = _registered(self._config) - self._before
        properties = {name: self._property(name) for name in self.names | SELECTING | SHOWING}
        self._config.option.__class__ = type("Options", (argparse.Namespace,), properties)

    def watch(self) -> dict[str, Digest]:
        """Everything is configured: the digests of all options, and what was read before counts for the run."""
        values = vars(self._config.option)
        for name in sorted(self._early or ()):
            self._read(name, values.get(name))
        self._early = None
        known = {name: option_digest(values[name]) for name in self.names | SELECTING | SHOWING if name in values}
        return known | {COMMAND_LINE: command_line(sys.argv[1:])}

    def _property(self, name: str) -> property:
        """A data descriptor wins over the instance's dict, which `vars(option)` still shows (xdist sends it)."""

        def get(option: Any) -> Any:
            try:
                value = option.__dict__[name]
            except KeyError:
                raise AttributeError(name) from None
            self._asked(name, value, sys._getframe(1))
            return value

        def put(option: Any, value: Any) -> None:
            option.__dict__[name] = value

        return property(get, put)

    def _asked(self, name: str, value: object, frame: FrameType | None) -> None:
        if name in SHOWING and frame is not None and frame.f_code.co_filename in self._others:
            return  # pytest itself, several times a test
        if self._early is None and name in self.names:
            self._read(name, value)
            return
        code = _asker(frame)
        if code is None or code.co_filename in self._others:
            return
        if not self._is_project(code.co_filename):  # but pytest, or argparse
            self._others.add(code.co_filename)
            return
        if name in SHOWING and _is_shown(frame):
            return
        if self._early is not None:
            self._early.add(name)  # hooks that configure something may still change it
        else:
            self._read(name, value)


def _asker(frame: FrameType | None) -> CodeType | None:
    """The code that asks for an option, by whichever way."""
    for _ in range(_MOST_FRAMES):
        if frame is None:
            return None
        code = frame.f_code
        if code.co_filename != _PYTEST:
            return code
        frame = frame.f_back
    return None if frame is None else frame.f_code


def _is_shown(frame: FrameType | None) -> bool:
    """Whether a hook that shows something reads an option, or a function that it calls."""
    for _ in range(_MOST_CALLS):
        if frame is None:
            return False
        if frame.f_code.co_name.startswith(_REPORTING):
            return True
        frame = frame.f_back
    return False


def _registered(config: pytest.Config) -> frozenset[str]:
    """The dests of all options that somebody registered (xdist sets further attributes by hand)."""
    return frozenset(action.dest for action in config._parser.optparser._actions)
