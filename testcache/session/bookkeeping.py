"""What a project's own reporting hooks keep in memory is no leftover of a test: a list of results, say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testcache.code.definitions import IMPORT
from testcache.code.source import Source
from testcache.recording.tape import Tape

TOLD = ("pytest_runtest_logstart", "pytest_runtest_logreport", "pytest_runtest_logfinish")
"""Hooks that are told of a test and cannot change what becomes of it."""

_OTHERS = (
    "pytest_addoption", "pytest_configure", "pytest_unconfigure", "pytest_sessionstart", "pytest_sessionfinish",
    "pytest_report_header", "pytest_report_teststatus", "pytest_terminal_summary",
)  # fmt: skip
"""Hooks that may use what those have kept, before and after all tests."""


def bookkeeping(config: pytest.Config, tape: Tape) -> frozenset[str]:
    """The places of globals that only such hooks mention, in the files of the project that implement them.

    Does not see: another file that imports such a global.
    """
    found: set[str] = set()
    for path, block in _implementations(config, tape):
        source = tape.loaded[path].source
        names = source.mentions.get(block, frozenset()) & {
            n for n, one in source.definitions.items() if one.form != IMPORT
        }
        found.update(f"{tape.roots.name(path)}::{name}" for name in names - _used_elsewhere(source))
    return frozenset(found)


def _implementations(config: pytest.Config, tape: Tape) -> Iterator[tuple[str, str]]:
    """The file and the block of each hook of the project that is told of tests."""
    for hook in TOLD:
        for implementation in getattr(config.hook, hook).get_hookimpls():
            code = getattr(implementation.function, "__code__", None)
            if code is not None and code.co_filename in tape.loaded:
                yield code.co_filename, tape.loaded[code.co_filename].source.block_at(code.co_firstlineno)


def _used_elsewhere(source: Source) -> frozenset[str]:
    blocks = (names for block, names in source.mentions.items() if block not in (*TOLD, *_OTHERS, ""))
    uses = (names - {name} for name, names in source.uses.items() if name not in (*TOLD, *_OTHERS))
    return frozenset().union(*blocks, *uses)
