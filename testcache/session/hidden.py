"""What a test may have been left by others that nobody sees: state of a library, of the machine, or of files."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

from testcache.model import Input, Kind

_OF_PYTEST: Final = frozenset(
    (  # noqa: SIM905
        "pytest iniconfig packaging pluggy pygments testcache pytest-xdist execnet pytest-cov coverage pytest-timeout"
    ).split()
)
"""Distributions by which one test leaves nothing to another."""

_KEEPS_NOTHING: Final = frozenset(
    (  # noqa: SIM905
        "__future__ abc array ast base64 binascii bisect cmath collections colorsys contextlib copy dataclasses "
        "datetime difflib enum fractions functools graphlib hashlib heapq html inspect itertools json keyword logging "
        "math numbers operator os pathlib pprint re statistics string struct sys textwrap time types typing "
        "unicodedata unittest zlib readline termios"
    ).split()
)
"""Modules of the standard library in which one test leaves nothing to another, or nothing that is not seen."""

_SEEN: Final = frozenset(
    {Kind.BODY, Kind.BLOCK, Kind.DEFINITIONS, Kind.WHOLE, Kind.EXPORTS, Kind.OPTION, Kind.VARIABLE}
)


def is_all_seen(inputs: Iterable[Input]) -> bool:
    """Whether all that another test could leave to one with these inputs is looked at in memory.

    So it is for code of the project that uses nothing but itself, pytest, and parts of the standard library that keep
    nothing: no library, no data file, no process. Cost: 50 ns an input.
    """
    return all(map(_is_seen, inputs))


def _is_seen(read: Input) -> bool:
    kind, name = read
    if kind is Kind.DISTRIBUTION:
        return name in _OF_PYTEST
    if kind is Kind.MODULE:
        top = name.partition("@")[0].partition(".")[0]
        return top in _KEEPS_NOTHING or top not in sys.stdlib_module_names
    if kind is Kind.FILE or kind is Kind.EXISTS:  # pytest looks for `__init__.py` and `conftest.py` in each folder
        return name.endswith(".py")
    return kind in _SEEN
