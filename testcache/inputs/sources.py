"""What counts in each Python file, parsed once a content and kept between runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from testcache import digest
from testcache.digest import DIGEST_FORMAT
from testcache.garbage import no_garbage
from testcache.model import Digest

if TYPE_CHECKING:
    from testcache.code.source import Source

Fetch = Callable[[bytes], "Source | None"]


def is_collected(path: str) -> bool:
    """Whether pytest collects from a file, so that its tests and fixtures count one by one."""
    name = path.replace("\\", "/").rpartition("/")[2]
    return name == "conftest.py" or name.startswith("test") or name.endswith(("_test.py", "_tests.py"))


class Sources:
    """Sources by content; `fetch` asks the store for one that an earlier run parsed."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: dict[bytes, Source] = {}
        self._new: dict[bytes, Source] = {}

    def of(self, data: bytes, path: str) -> Source:
        """Parse these bytes, or remember having done so. Cost: about 12 ms per 1,000 lines when new."""
        return self.at(digest.of_bytes(data), path, lambda: data)

    def at(self, content: Digest, path: str, read: Callable[[], bytes]) -> Source:
        """The Source of a known content; `read` is only called if nobody parsed it before."""
        collected = is_collected(path)
        key = content + (b"c" if collected else b"m") + bytes([DIGEST_FORMAT])
        source = self._known.get(key)
        if source is None:
            source = self._fetch(key)
            if source is None:
                from testcache.code.source import parse  # a run in which nothing changed parses nothing

                with no_garbage():
                    source = self._new[key] = parse(read(), collected=collected)
            self._known[key] = source
        return source

    def new(self) -> Iterator[tuple[bytes, Source]]:
        """What this run parsed and the store does not have yet."""
        yield from self._new.items()
