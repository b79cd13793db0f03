"""Why a bundle is refused; each reason has a slug of its own, and nothing of a refused bundle is stored."""

from __future__ import annotations

from testcache.errors import TestcacheError


class Refused(TestcacheError):
    """A bundle that is not taken in; the run goes on without it."""

    slug = "bundle-refused"
    exit_code = 4


class Unreadable(Refused):
    """No file that can be read is there."""

    slug = "bundle-unreadable"


class Partial(Refused):
    """The bundle ends before its end: a broken download or a full disk."""

    slug = "bundle-partial"


class Damaged(Refused):
    """Bytes differ from those that were written, or are no bundle at all."""

    slug = "bundle-damaged"


class Oversized(Refused):
    """The bundle is larger than the limits, packed or unpacked."""

    slug = "bundle-oversized"


class Forged(Refused):
    """The signature was made with none of the keys known here."""

    slug = "bundle-forged"


class Unsigned(Refused):
    """There is a key, and the bundle has no signature."""

    slug = "bundle-unsigned"


class Unverified(Refused):
    """The bundle has a signature, and there is no key to check it with."""

    slug = "bundle-unverified"


class Replayed(Refused):
    """A genuine bundle in a place that it was not made for: another project, or another time."""

    slug = "bundle-replayed"


class Newer(Refused):
    """A newer testcache wrote it."""

    slug = "bundle-newer"


class Elsewhere(Refused):
    """It holds nothing that was recorded on a machine like this one."""

    slug = "bundle-elsewhere"
