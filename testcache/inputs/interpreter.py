"""What holds for a whole process before pytest has a say: interpreter, platform, some variables."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator

from testcache import digest
from testcache.inputs.roots import Roots

_C_VARIABLES = ("TZ", "LANG", "LANGUAGE")
_NEUTRAL_PYTHON = frozenset(
    {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPYCACHEPREFIX", "PYTHONSTARTUP"}
)


def facts(roots: Roots) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of what counts in every run that this process could start."""
    yield "python", f"{sys.implementation.name} {sys.version}"
    yield "platform", f"{sys.platform} {platform.machine()}"
    for name in sorted(os.environ):
        if (
            name in _C_VARIABLES
            or name.startswith("LC_")
            or (name.startswith("PYTHON") and name not in _NEUTRAL_PYTHON)
        ):
            yield f"variable {name}", str(digest.of_text(roots.text(os.environ[name])).hex())
    path = os.environ.get("PYTHONPATH", "")
    yield (
        "variable PYTHONPATH",
        os.pathsep.join(roots.name(os.path.abspath(p)) for p in path.split(os.pathsep) if p),
    )
