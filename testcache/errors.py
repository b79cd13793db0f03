"""The exceptions of testcache; each carries a slug and the exit code it ends with."""

from __future__ import annotations

TYPE_CHECKING = False  # a run in which nothing changed does not import typing
if TYPE_CHECKING:
    from pathlib import Path


class TestcacheError(Exception):
    """A problem that testcache can name; the first line of its text stands alone.

    Attributes:
        slug: the short name printed in brackets at the end of the first line.
        exit_code: pytest's number for this kind of end (4 = usage error, 3 = our bug).
    """

    __test__ = False  # pytest would otherwise try to collect it
    slug = "error"
    exit_code = 3


class SettingError(TestcacheError):
    """A setting, option or marker that testcache does not understand."""

    slug = "setting"
    exit_code = 4


class StoreError(TestcacheError):
    """The store cannot be used; the run goes on without it."""

    slug = "store-unreadable"


class StoreDamaged(StoreError):
    """SQLite finds the bytes of the store's database to be wrong; no other fault is this one.

    Attributes:
        why: SQLite's words.
    """

    slug = "store-damaged"

    def __init__(self, path: Path, why: object) -> None:
        super().__init__(
            f"the store {path} is damaged ({why});"
            " the next `pytest --cached` sets it aside, `testcache clear` removes it"
        )
        self.why = why


class StoreNewer(StoreError):
    """The store was written by a newer testcache."""

    slug = "store-newer"


class StoreLocked(StoreError):
    """Another process kept the store locked for too long."""

    slug = "store-locked"


class BadRecord(TestcacheError):
    """Stored bytes that do not decode to what they claim to be."""

    slug = "entry-corrupt"


class UnknownTest(TestcacheError):
    """A node id that the store has never seen."""

    slug = "unknown-test"
    exit_code = 4
