"""Who asked: the code on whose behalf something is read, found by walking the call stack."""

from __future__ import annotations

import os
from sys import _getframe
from types import FrameType

from testcache.inputs.roots import Roots

ENGINE = frozenset(
    {"pytest", "_pytest", "pluggy", "xdist", "execnet", "coverage", "pytest_cov", "testcache", "iniconfig"}
)
"""Packages whose own reads are part of running tests, not of what a test asks for."""

_CHANCE = tuple(
    os.sep + os.path.join("hypothesis", "internal", *path)
    for path in (("constants_ast.py",), ("conjecture", "providers.py"))
)
"""Where hypothesis reads all local modules for numbers and texts to try: what it happens to try is no input."""

_IMPORT_SYSTEM = ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>", "<frozen zipimport>")

_OBSERVERS = os.path.dirname(os.path.abspath(__file__)) + os.sep

METADATA = os.path.join("importlib", "metadata")
"""Stands for any function of `importlib.metadata` among the names: it searches all of `sys.path`, which
the inputs "distribution" and "which distributions are installed" say better."""

_SHARED = frozenset({"pluggy", "execnet", "iniconfig"})
"""Of these, the ones that projects use for themselves, too: it counts who called them."""

_OF_TESTS = tuple(os.sep + os.path.join("_pytest", name) for name in ("pytester.py", "legacypath.py"))
"""Helpers of tests, which they call: what these read and start is for the test."""

_HANDING = frozenset({
    "raises", "warns", "deprecated_call",
    "MonkeyPatch.setenv", "MonkeyPatch.delitem",
    "FixtureDef.finish", "SetupState.teardown_exact", "call_fixture_func", "pytest_pyfunc_call",
    "TestCaseFunction.runtest", "UnitTestCase._register_unittest_setup_class_fixture",
    "ParameterSet._parse_parametrize_parameters", "fixture", "IdMaker._idval_from_function",
})  # fmt: skip
"""Functions of pytest that call what code has handed to them, such as `open`, or go through an iterator of it."""

_OTHER, _LIBRARY, _ENGINE, _IMPORT = range(4)


class Origin:
    """Finds the first frame that is neither the standard library nor the test engine."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._classes: dict[str, int] = dict.fromkeys(_IMPORT_SYSTEM, _IMPORT)
        self.own = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

    def _classify(self, filename: str) -> int:
        known = self._classes.get(filename)
        if known is None:
            if filename.startswith("<frozen ") or self._roots.is_stdlib(filename):
                known = _LIBRARY
            elif filename.startswith("<"):  # a text that is run: a condition of `skipif`, an example of a doctest
                known = _OTHER
            elif self._package(filename) in _SHARED or filename.endswith(_OF_TESTS):
                known = _LIBRARY
            elif filename.startswith(self.own) or self._package(filename) in ENGINE or filename.endswith(_CHANCE):
                known = _ENGINE
            else:
                known = _OTHER
            self._classes[filename] = known
        return known

    def is_library(self, filename: str) -> bool:
        """Whether a file is the standard library's, or an installed one's that is not a part of running tests."""
        sort = self._classify(filename)
        return sort == _LIBRARY or (sort == _OTHER and not self._roots.is_first_party(filename))

    def is_standard(self, filename: str) -> bool:
        """Whether a file is the standard library's."""
        return self._classify(filename) == _LIBRARY

    @staticmethod
    def _package(filename: str) -> str:
        """The top-level package of an installed file, "" for others."""
        for folder in ("site-packages", "dist-packages"):
            _, found, inside = filename.rpartition(f"{os.sep}{folder}{os.sep}")
            if found:
                return inside.partition(os.sep)[0]
        return ""

    def find(self) -> tuple[FrameType | None, bool, tuple[str, ...]]:
        """Walk up from the observer that asks, past the observer's own frames.

        Returns:
            (frame, True, names): on behalf of that frame's code (None: of library code only, such
            as a thread that was given `open`), through library functions of these names;
            (None, False, names): on behalf of the test engine or the import system.
        """
        frame: FrameType | None = _getframe(1)
        while frame is not None and frame.f_code.co_filename.startswith(_OBSERVERS):
            frame = frame.f_back
        names: list[str] = []
        handed = False
        while frame is not None:
            code = frame.f_code
            sort = self._classify(code.co_filename)
            if sort == _OTHER:
                return frame, True, tuple(names)
            if sort == _ENGINE:
                if not _hands_over(frame):
                    return None, handed, tuple(names)
                handed = True
            if sort == _IMPORT and not self._is_resource_read(frame):
                return None, False, tuple(names)
            names.append(code.co_name if METADATA not in code.co_filename else METADATA)
            frame = frame.f_back
        return None, True, tuple(names)

    def _is_resource_read(self, frame: FrameType) -> bool:
        """Tell `loader.get_data(path)` and `get_source`, which anyone may call, from the import system's own reads."""
        step: FrameType | None = frame
        while step is not None and step.f_code.co_name in ("get_data", "_get_data", "get_source"):
            step = step.f_back
        return step is not None and step is not frame and self._classify(step.f_code.co_filename) != _IMPORT

    def first_party(self, frame: FrameType | None) -> FrameType | None:
        """The nearest frame, this one or one that called it, that is the project's own code."""
        while frame is not None:
            filename = frame.f_code.co_filename
            if self._classify(filename) == _OTHER and self._roots.is_first_party(filename):
                return frame
            frame = frame.f_back
        return None

    def where(self, frame: FrameType | None) -> str:
        """`path:line` of the nearest first-party frame, for messages; of a plugin if that asked for itself."""
        shown = self.first_party(frame) or frame
        return f"{self._roots.name(shown.f_code.co_filename)}:{shown.f_lineno}" if shown is not None else "?"


def _hands_over(frame: FrameType) -> bool:
    """Whether a function of pytest calls, or goes through, what code has handed to it.

    `monkeypatch.delenv(name)` asks for the code whether there is such a variable; but for `raising=False` it does not.
    """
    name = frame.f_code.co_qualname.partition(".<locals>")[0]
    return name in _HANDING and frame.f_locals.get("raising") is not False
