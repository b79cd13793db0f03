"""Files that act when they are imported: they change what the tests of other files see.

1. A test file, or a helper that it imports, sets `shop.RATE = 5` when it is imported. All tests that are recorded from
   then on in the same process rest on that (`testcache.recording.tape`).
2. Those that were recorded before it did so, or in a run without it, do not; but in a run of all tests they would.
"""

from __future__ import annotations

from collections.abc import Collection

from testcache.inputs.roots import Roots
from testcache.model import Input, Kind, Read
from testcache.recording.tape import Tape
from testcache.storage.index import Index, IndexedFile


def acting(tape: Tape, roots: Roots) -> list[Read]:
    """The bodies of the files of the project that have acted up to now, as they are."""
    return [
        Read(Input(Kind.BODY, roots.name(path)), loaded.source.body)
        for path, loaded in tape.loaded.items()
        if loaded.source.acts and not tape.is_made(path)
    ]


def lacks(file: IndexedFile, index: Index, required: Collection[Read]) -> bool:
    """Whether the tests of a file that is not imported were recorded without one of these."""
    known = len(index.contents)
    names = {index.contents[number].name for number in file.numbers() if number < known}
    return any(read.input.name not in names for read in required)
