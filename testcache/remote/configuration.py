"""What is set for the remote: the settings, and the variable that overrides them for one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from testcache.errors import SettingError
from testcache.quantities import Duration
from testcache.settings import REMOTE, Remote, Settings, Sharing
from testcache.structs import replace


def configured(settings: Settings, environ: Mapping[str, str]) -> Remote:
    """The settings of `[remote]`; `TESTCACHE_REMOTE` overrides mode, address and deadline, apart by blanks.

    Raises SettingError, which does not repeat the text: it may hold a password.
    """
    remote, modes = settings.remote, get_args(Sharing)
    for word in environ.get(REMOTE, "").split():
        if word in modes:
            remote = replace(remote, mode=word)
        elif "://" in word:
            remote = replace(remote, url=word)
        else:
            try:
                remote = replace(remote, deadline=Duration.parse(word))
            except ValueError:
                raise SettingError(
                    f"{REMOTE}: expected a mode ({', '.join(modes)}), an address or a deadline, or several of them "
                    "with blanks between [setting-value]"
                ) from None
    return remote
