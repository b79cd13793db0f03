"""How much a bundle may hold: a stranger's file must not fill the disk or the memory."""

from __future__ import annotations

from testcache.structs import Struct


class Limits(Struct, frozen=True):
    """The most that is taken in.

    Attributes:
        packed_bytes: size of the file. 1,000,000 tests pack to about 100 MB.
        unpacked_bytes: size of all entries. Zstandard may unfold one byte to 30,000.
        entries: number of entries; a test file takes two.
    """

    packed_bytes: int = 1 << 30
    unpacked_bytes: int = 4 << 30
    entries: int = 1_000_000
