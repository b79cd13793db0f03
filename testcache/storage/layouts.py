"""On which lines the code of measured files stood, kept so that the lines of a cached test can move with it.

    layout / digest of the file's bytes, format(1 byte)   msgpack {field of testcache.code.layout.Layout: value, ...}

Without the one of a file that has changed since, the tests that executed it run. Format history: 1 (first).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from testcache.digest import DIGEST_FORMAT, of_bytes
from testcache.errors import BadRecord, StoreError
from testcache.model import Digest
from testcache.storage.codec import decode_value, encode_value
from testcache.storage.store import Store

if TYPE_CHECKING:
    from testcache.code.layout import Layout

SPACE = "layout"
FORMAT = 1


def save_layouts(store: Store, files: Mapping[Digest, str], read: Callable[[str], bytes]) -> None:
    """Keep the layouts of these contents, by the name of a file, as far as the files are still the same.

    Cost: about 10 ms per 1,000 lines that are new.
    """
    from testcache.code.layout import layout_of  # only who measures coverage pays for it

    keys = {_key(content): content for content in files}
    rows = []
    for key in keys.keys() - store.get_many(SPACE, keys).keys():
        try:
            data = read(files[keys[key]])
        except OSError:
            continue
        layout = layout_of(data) if of_bytes(data) == keys[key] else None
        if layout is not None:
            rows.append((SPACE, key, encode_value(layout)))
    if rows:
        store.put_many(rows)


def load_layout(store: Store, content: Digest) -> Layout | None:
    """How a content was laid out; None if nobody kept it."""
    from testcache.code.layout import Layout

    try:
        data = store.get(SPACE, _key(content))
        return decode_value(data, Layout) if data is not None else None
    except (BadRecord, StoreError):  # the tests behind it run
        return None


def _key(content: Digest) -> bytes:
    return content + bytes([FORMAT, DIGEST_FORMAT])
