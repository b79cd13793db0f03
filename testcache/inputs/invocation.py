"""The invocation key: what a command line, its configuration files and its environment amount to.

Two runs with equal keys have equal environment keys and would collect the same tests from the same
files, so one may rest on the other's index. It is made of raw bytes, without pytest, and is stricter
than the environment key: any doubt only costs the shortcut.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence

from testcache import digest
from testcache.digest import DIGEST_FORMAT
from testcache.inputs.distributions import ALL, Distributions
from testcache.inputs.files import Files
from testcache.inputs.interpreter import customised
from testcache.inputs.roots import Roots
from testcache.model import Digest

CONFIGURATION = (
    "pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg",
    ".testcache.toml", ".coveragerc",
)  # fmt: skip
NEUTRAL = frozenset(
    {"--cached", "--testcache", "-q", "-qq", "-v", "-vv", "-vvv", "--quiet", "--verbose", "--no-header"}
)
FOLLOWED = frozenset({"-n", "--numprocesses", "--dist", "--junitxml", "--junit-xml", "--junitprefix", "--junit-prefix"})
"""Those that are as neutral, and the argument behind them."""

SHOWING = ("-n", "--tb", "--durations", "--color", "--dist=", "--junit")
"""Beginnings of those that are as neutral, with what stands behind a `=`."""

UNSETTLED = ("--lf", "--last-failed", "--ff", "--failed-first", "--nf", "--new-first", "--sw", "--stepwise",
             "--cov", "--cached=", "--testcache=", "--pdb", "--trace", "--setup-", "--collect-only", "--co",
             "--cache-", "--fixtures", "--markers", "--random", "--shard", "--debug", "@")  # fmt: skip
"""Beginnings of arguments whose meaning depends on more than files, or that want a run in full; or on a file that is
named there: `@args.txt`."""

COMMAND_LINE = "sys.argv"
"""The command line as an input, by the name under which code looks at it."""

_OURS = ("--cached", "--testcache")

_VARIABLES = ("TZ", "LANG", "LANGUAGE", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "CI")


def command_line(words: Iterable[str]) -> Digest:
    """Digest the arguments of a run, but for those that are meant for us.

    They are asked for when it begins: a test may set others. A worker of xdist has none.
    """
    return digest.of_fields("command line", *(word for word in words if not word.startswith(_OURS)))


def settled(args: Sequence[str]) -> bool:
    """Whether a command line may use an index at all."""
    return not any(argument.startswith(UNSETTLED) for argument in args)


def key(
    args: Sequence[str], cwd: str, roots: Roots, files: Files, distributions: Distributions, env: Mapping[str, str]
) -> bytes:
    """Digest an invocation. Cost: a stat of each possible configuration file and one listing of site-packages."""
    fields: list[object] = ["invocation", DIGEST_FORMAT, sys.version, repr(sys.flags), repr(sys.warnoptions)]
    fields.append(repr(sorted(sys._xoptions.items())))
    fields.append(roots.name(cwd))
    fields += _meant(args)
    fields += [f"{name}={files.digest(os.path.join(roots.rootdir, name)).hex()}" for name in CONFIGURATION]
    for name in sorted(env):
        if name in _VARIABLES or name.startswith(("LC_", "PYTHON")):
            fields.append(f"{name}={roots.text(env[name])}")
    fields += [f"{name}={value}" for name, value in customised()]
    fields.append(distributions.fingerprint(ALL))
    return digest.of_fields(*fields)


def _meant(args: Sequence[str]) -> list[str]:
    """The arguments without those that only change what is shown, and without the number of workers."""
    meant: list[str] = []
    skip = False
    for argument in args:
        if skip:
            skip = False
        elif argument in FOLLOWED:
            skip = True
        elif argument not in NEUTRAL and not argument.startswith(SHOWING):
            meant.append(argument)
    return meant
