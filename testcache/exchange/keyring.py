"""The secret keys that bundles are signed with: the current one, and older ones that still verify."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from testcache.errors import SettingError

KEY = "TESTCACHE_KEY"
OLD_KEYS = "TESTCACHE_KEYS_OLD"
MIN_KEY_CHARS = 16
"""A shorter key could be guessed by whoever has a bundle: trying one costs a microsecond."""

MAC_BYTES = 32
_BUNDLE, _ENTRY, _SALT = b"testcache bundle 1", b"testcache entry 1", b"testcache salt 1"
_SHARED_SALT = b"testcache shared salt 1"


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys, newest first; the first one signs, all verify. Empty: nothing is signed.

    Each purpose has a key of its own, derived from the secret, so that what is signed for one
    cannot stand for another.
    """

    keys: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read `TESTCACHE_KEY`, and older keys from `TESTCACHE_KEYS_OLD`, apart by blanks.

        Raises:
            SettingError: a key is too short to be a secret, or there are only old ones.
        """
        known = os.environ if environ is None else environ
        current, old = known.get(KEY, "").strip(), known.get(OLD_KEYS, "").split()
        if old and not current:
            raise SettingError(f"{OLD_KEYS} is set without {KEY}: old keys verify, they do not sign [bundle-key]")
        for name, text in [(KEY, current), *((OLD_KEYS, text) for text in old)]:
            if text and len(text) < MIN_KEY_CHARS:
                raise SettingError(
                    f"{name}: expected at least {MIN_KEY_CHARS} characters, such as from: "
                    "openssl rand -hex 32 [bundle-key]"
                )
        return cls(tuple(text.encode("utf-8", "surrogateescape") for text in [current, *old] if text))

    def __bool__(self) -> bool:
        return bool(self.keys)

    def bundle_macs(self) -> list[hmac.HMAC]:
        """One running HMAC-SHA256 a key, in the order of the keys."""
        return [hmac.new(_derived(key, _BUNDLE), digestmod=hashlib.sha256) for key in self.keys]

    def entry_mac(self, context: bytes, data: bytes) -> bytes:
        """Sign one entry for one context with the current key."""
        return _entry_mac(self.keys[0], context, data)

    def verifies(self, context: bytes, data: bytes, mac: bytes) -> bool:
        """Whether any key signed this entry for this context."""
        return any(hmac.compare_digest(_entry_mac(key, context, data), mac) for key in self.keys)

    def hide(self, name: str, secret: bytes, *, signer: int = 0) -> bytes:
        """Encrypt or decrypt 32 bytes that are known under a name of their own.

        The pad is HMAC-SHA256 of the name, which is a digest of the secret: no pad ever covers two
        secrets, and the same secret gives the same bytes. `signer` is the key's place in `keys`.
        """
        pad = hmac.digest(_derived(self.keys[signer], _SALT), name.encode(), "sha256")
        return bytes(one ^ other for one, other in zip(secret, pad, strict=True))

    def shared_salts(self, project: str) -> list[bytes]:
        """32 bytes for each key, that all who have it agree on for a project; without a key, no secret."""
        return [hmac.digest(_derived(key, _SHARED_SALT), project.encode(), "sha256") for key in self.keys or (b"",)]


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, "sha256")


def _entry_mac(key: bytes, context: bytes, data: bytes) -> bytes:
    length = len(context).to_bytes(4, "big")
    return hmac.digest(_derived(key, _ENTRY), length + context + data, "sha256")
