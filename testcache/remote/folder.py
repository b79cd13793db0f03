"""A shared folder as the remote: one file an entry, replaced by renaming under a lock.

    <folder>/<first two digits of the key>/<key>      the value
    <folder>/<first two digits of the key>/.lock      locked by whoever replaces a value below

Reading takes no lock: a renamed file is the old one or the new one. Does not see: a network file system
that neither locks nor renames atomically.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator, Mapping

from testcache.clock import clock
from testcache.remote.backend import MAX_VALUE_BYTES, Found, Held, RemoteError, Replaced
from testcache.remote.excess import Limits, Pruned, Stored
from testcache.remote.spread import spread

PRUNE_SHARE = 1 / 50
"""Of the runs that write, this many look for old entries: listing a large folder takes seconds."""

_LOCK, _NEW = ".lock", ".new-"
_WAIT_S = 0.01


class Folder:
    """See the module. A folder that is not there yet is made by the first write, not its parents."""

    settle_s = 0.0

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def get_many(self, keys: Iterable[str], until: float, found: Found) -> None:
        self._mounted()
        spread(lambda key: found(key, self._read(key)), keys, until)

    def put_many(self, values: Mapping[str, tuple[bytes, Held | None]], until: float, replaced: Replaced) -> None:
        with _named(self._folder):
            if not os.path.isdir(self._folder):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(self._folder)
        shards: dict[str, list[str]] = {}
        for key in values:
            shards.setdefault(key[:2], []).append(key)

        def put(shard: str) -> None:
            with _named(self._folder), self._locked(shard, until):
                for key in shards[shard]:
                    replaced(key, self._replace(key, *values[key]))

        spread(put, shards, until)

    def close(self) -> None:
        pass

    def prune(self, limits: Limits) -> Pruned:
        self._mounted()
        with _named(self._folder):
            doomed, pruned = limits.divide(self._entries())
            for entry in doomed:
                with contextlib.suppress(FileNotFoundError):  # two may prune at once
                    os.unlink(entry.name)
        return pruned

    def _mounted(self) -> None:
        parent = os.path.dirname(self._folder)
        if not os.path.isdir(parent):
            raise RemoteError(f"{parent} is not there")

    def _entries(self) -> Iterator[Stored]:
        if not os.path.isdir(self._folder):
            return
        with os.scandir(self._folder) as shards:
            for shard in [shard.path for shard in shards if len(shard.name) == 2]:
                with os.scandir(shard) as files:
                    for file in files:
                        if file.name != _LOCK:
                            with contextlib.suppress(FileNotFoundError):
                                about = file.stat(follow_symlinks=False)
                                yield Stored(about.st_mtime, about.st_size, file.path)

    def _path(self, key: str) -> str:
        return os.path.join(self._folder, key[:2], key)

    def _read(self, key: str) -> Held | None:
        with _named(self._folder):
            try:
                # O_NONBLOCK: opening a FIFO must not wait for somebody to write to it.
                flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
                descriptor = os.open(self._path(key), flags)
            except (FileNotFoundError, NotADirectoryError):
                return None
            with open(descriptor, "rb") as file:
                about = os.fstat(descriptor)
                if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_VALUE_BYTES:
                    return Held(b"")
                return Held(file.read(MAX_VALUE_BYTES))

    @contextlib.contextmanager
    def _locked(self, shard: str, until: float) -> Iterator[None]:
        folder = os.path.join(self._folder, shard)
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        lock = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if clock.monotonic() >= until:
                        raise
                    clock.sleep(_WAIT_S)
            yield
        finally:
            os.close(lock)

    def _replace(self, key: str, value: bytes, old: Held | None) -> bool:
        now = self._read(key)
        if (now.value if now else None) != (old.value if old else None):
            return False
        path = self._path(key)
        # Not mkstemp, which lets nobody else read: who may is up to the umask and the folder.
        fresh = os.path.join(os.path.dirname(path), f"{_NEW}{os.urandom(8).hex()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with open(descriptor, "wb") as file:
                file.write(value)
            os.replace(fresh, path)
        except BaseException:
            os.unlink(fresh)
            raise
        return True


@contextlib.contextmanager
def _named(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RemoteError(f"{folder} cannot be used: {error.strerror or type(error).__name__}") from error
