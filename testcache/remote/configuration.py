"""What is set for the remote: the settings, and the variable that overrides them for one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from testcache.errors import SettingError
from testcache.settings import REMOTE, Remote, Settings, Sharing


def configured(settings: Settings, environ: Mapping[str, str]) -> Remote:
    """The settings of `[remote]`; `TESTCACHE_REMOTE` overrides mode, address or both, apart by blanks."""
    remote, modes = settings.remote, get_args(Sharing)
    for word in environ.get(REMOTE, "").split():
        if word in modes:
            remote = replace(remote, mode=word)  # type: ignore[arg-type]
        elif "://" in word:
            remote = replace(remote, url=word)
        else:
            raise SettingError(
                f"{REMOTE}: expected a mode ({', '.join(modes)}), an address, or both with a blank between "
                "[setting-value]"
            )
    return remote
