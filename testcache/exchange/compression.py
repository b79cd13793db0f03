"""Zstandard in streams, bounded on the way out; the only module that knows which package has it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdCompressor, ZstdDecompressor, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdCompressor, ZstdDecompressor, ZstdError

LEVEL = 9
_WINDOW_LOG_MAX = 23  # 8 MiB: what level 9 may need, and all that a stranger's stream may ask for
_STEP_BYTES = 1 << 20


class NotCompressed(Exception):
    """The bytes are no whole Zstandard frame."""


class Packer:
    """Compresses one stream; the same calls give the same bytes with the same libzstd."""

    def __init__(self) -> None:
        self._compressor = ZstdCompressor(level=LEVEL)

    def pack(self, data: bytes) -> bytes:
        """Take bytes in, give out what is ready, maybe nothing."""
        return self._compressor.compress(data)

    def finish(self) -> bytes:
        """Give out the rest."""
        return self._compressor.flush()


def unpacked(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of one frame in pieces of at most 1 MiB, whatever the input claims.

    Raises NotCompressed: not Zstandard, cut short, or something after its end.
    """
    stream = ZstdDecompressor(options={DecompressionParameter.window_log_max: _WINDOW_LOG_MAX})
    try:
        for block in blocks:
            if _ended(stream):
                raise NotCompressed("something follows its end")
            yield stream.decompress(block, max_length=_STEP_BYTES)
            while not _ended(stream) and (piece := stream.decompress(b"", max_length=_STEP_BYTES)):
                yield piece
            if stream.unused_data:
                raise NotCompressed("something follows its end")
    except (ZstdError, EOFError) as error:
        raise NotCompressed(str(error)) from error
    if not _ended(stream):
        raise NotCompressed("it ends too early")


def _ended(stream: ZstdDecompressor) -> bool:
    return bool(stream.eof)
