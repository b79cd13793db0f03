"""From an address to an engine; each engine's package is imported only when its address is used."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from testcache.errors import SettingError
from testcache.remote.backend import Backend, NoEngine

_WRITTEN_AS = 'expected "file:///...", "http(s)://...", "redis(s)://..." or "s3://bucket/prefix"'
_OBJECTS = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl")


def engine(url: str, *, deadline_s: float, max_age_s: int) -> Backend:
    """The engine behind an address. Cost: its imports, 25 to 80 ms; Redis is connected to at once.

    Raises:
        SettingError: no address that is known. NoEngine: its package is not installed.
        RemoteError: it cannot be reached.
    """
    scheme = urlsplit(url).scheme
    if scheme == "file":
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost") or len(parts.path) < 2:
            raise SettingError(f"remote.url = {shown(url)}: {_WRITTEN_AS} [setting-value]")
        from testcache.remote.folder import Folder

        return Folder(unquote(parts.path).rstrip("/"))
    if scheme in ("http", "https"):
        from testcache.remote.web import Web

        return Web(url)
    try:
        if scheme in ("redis", "rediss", "unix"):
            from testcache.remote.redis import Redis

            return Redis(url, max_age_s=max_age_s, timeout_s=deadline_s)
        if scheme in _OBJECTS:
            from testcache.remote.objects import Objects

            return Objects(url, timeout_s=deadline_s)
    except ModuleNotFoundError as missing:
        extra = "s3" if scheme in _OBJECTS else "redis"
        if missing.name not in ("redis", "obstore"):
            raise
        raise NoEngine(
            f"remote.url = {shown(url)}: needs {missing.name}: pip install 'testcache[{extra}]' [{NoEngine.slug}]"
        ) from missing
    except ValueError as error:  # redis-py does not understand the rest of the address
        raise SettingError(f"remote.url = {shown(url)}: {_WRITTEN_AS} [setting-value]") from error
    raise SettingError(f"remote.url = {shown(url)}: {_WRITTEN_AS} [setting-value]")


def shown(url: str) -> str:
    """An address without what may be secret in it: a user, a password, a query."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
    except ValueError:
        return "an address"
