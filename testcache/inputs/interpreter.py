"""What holds for a whole process before pytest has a say: interpreter, platform, some variables."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator

from testcache import digest
from testcache.inputs.roots import Roots

NO_BYTE_CODE = "PYTHONDONTWRITEBYTECODE"
"""Set in many containers; that no byte code is written concerns who asks for it by name."""

_C_VARIABLES = ("TZ", "LANG", "LANGUAGE")
_NEUTRAL_PYTHON = frozenset({"PYTHONPATH", NO_BYTE_CODE, "PYTHONUNBUFFERED", "PYTHONPYCACHEPREFIX", "PYTHONSTARTUP"})

_CUSTOMISING = ("sitecustomize", "usercustomize")
"""Modules that Python imports by itself when it starts, before anybody can watch what they do."""


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
    yield from customised()


def customised() -> Iterator[tuple[str, str]]:
    """Yield (name, value) of each module that Python has imported by itself; what they import does not count."""
    for name in _CUSTOMISING:
        file = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(file, str):
            yield f"python {name}", _content(file).hex()


def _content(file: str) -> bytes:
    """A digest of a file's bytes, the same for all that cannot be read."""
    try:
        with open(file, "rb") as opened:
            return bytes(digest.of_bytes(opened.read()))
    except OSError:
        return b""
