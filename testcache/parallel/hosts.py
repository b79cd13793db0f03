"""Other machines that run tests: their addresses for xdist, and the check before anything runs there.

What works is a proxy for each machine, reached over ssh, that starts its workers:
without a proxy xdist copies pytest into the checkout and cannot take paths as arguments. Such workers
get this process's `sys.path`, so Python and the checkout must be at the same paths there.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from testcache.errors import SettingError
from testcache.parallel import checkout
from testcache.settings import Host
from testcache.structs import Struct

CONNECT_S = 10
ANSWER_S = 60
SHOWN = 3
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_PLAIN = re.compile(r"(?!.*//)\S+")
"""xdist's addresses have no way to quote: neither blanks nor a double slash can be in them."""


class Machine(Struct, frozen=True):
    """One host, with everything that its address needs.

    Attributes:
        folder: where its checkout is, and where its workers start.
    """

    name: str
    ssh: str
    workers: int
    python: str
    ssh_config: str
    folder: str

    @property
    def proxy(self) -> str:
        """For xdist's --px: the process on that machine that starts the workers there.

        `execmodel=thread`, because with xdist's own a second worker at the same proxy would wait for ever.
        """
        config = [f"ssh_config={self.ssh_config}"] if self.ssh_config else []
        parts = [f"id={self.name}", f"ssh={self.ssh}", *config, f"python={self.python}"]
        return "//".join([*parts, f"chdir={self.folder}", "execmodel=thread"])

    @property
    def addresses(self) -> list[str]:
        """For xdist's --tx: one a worker."""
        return [f"popen//via={self.name}//python={self.python}"] * self.workers


def chosen(hosts: Mapping[str, Host], names: str, *, rootdir: Path, folder: Path) -> list[Machine]:
    """The machines that `--cached-hosts` names: "all", or some with commas between. Raises SettingError."""
    wanted = list(hosts) if names == "all" else [name.strip() for name in names.split(",")]
    unknown = [name for name in wanted if name not in hosts]
    if unknown or not wanted:
        known = ", ".join(hosts) or "none: add [hosts.NAME] to the settings"
        raise SettingError(f'--cached-hosts={names}: expected "all" or names out of: {known} [option-value]')
    return [_machine(name, hosts[name], rootdir, folder) for name in wanted]


def _machine(name: str, host: Host, rootdir: Path, folder: Path) -> Machine:
    config = str(rootdir / host.ssh_config) if host.ssh_config else ""
    machine = Machine(name, host.ssh, host.workers, host.python or sys.executable, config, str(folder))
    if not _NAME.fullmatch(name) or re.fullmatch(r"gw\d+", name):
        raise SettingError(f"[hosts.{name}]: expected a name of letters, digits, - and _, not like gw0 [setting-value]")
    for what, value in (("python", machine.python), ("ssh-config", config or "x"), ("the checkout", str(folder))):
        if not _PLAIN.fullmatch(value):
            raise SettingError(f'[hosts.{name}]: {what} is {value!r}: expected no blanks and no "//" [setting-value]')
    return machine


def check(machines: Iterable[Machine], search: list[str]) -> list[str]:
    """What is wrong with these machines, a sentence each; all are asked at once.

    Cost: an ssh connection each, and a read of all code and of all that git tracks, here and there.
    """
    asked = list(machines)
    if not asked:
        return []
    folder = asked[0].folder
    names = checkout.tracked(folder)
    here = checkout.describe(folder, names, [])
    lines = Path(checkout.__file__).read_text(encoding="utf-8")
    question = json.dumps({"folder": folder, "names": names, "search": search})
    # A module's docstring and its __future__ imports must stand first.
    head, marker, tail = lines.partition("\nimport hashlib\n")
    script = f"{head}\nASKED = {question!r}{marker}{tail}"
    from concurrent.futures import ThreadPoolExecutor  # 3 ms, for few runs

    with ThreadPoolExecutor(max_workers=min(16, len(asked))) as pool:
        answers = pool.map(lambda machine: _problem(machine, script, here), asked)
        return [f"host {machine.name}: {problem}" for machine, problem in zip(asked, answers, strict=True) if problem]


def _problem(machine: Machine, script: str, here: Mapping[str, object]) -> str:
    """Why a machine cannot be used, or ""."""
    config = ["-F", machine.ssh_config] if machine.ssh_config else []
    # BatchMode: nobody can type a password into xdist's connection later.
    options = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_S}", *config]
    command = ["ssh", *options, machine.ssh, f"{shlex.quote(machine.python)} -"]
    try:
        done = subprocess.run(
            command,
            input=script.encode("utf-8", "surrogateescape"),
            capture_output=True,
            timeout=ANSWER_S,
            check=False,
        )
    except FileNotFoundError:
        return "there is no ssh on this machine"
    except subprocess.TimeoutExpired:
        return f"no answer from {machine.ssh} within {ANSWER_S} s"
    said = (done.stderr.decode(errors="replace").strip() or "without a word").splitlines()[-1]
    if done.returncode == 255:
        return f"{machine.ssh} cannot be reached over ssh: {said}"
    if done.returncode in (126, 127):
        return f"there is no Python at {machine.python}: {said}"
    try:
        there = json.loads(done.stdout)
        return differences(here, there, machine.folder)
    except (ValueError, KeyError, TypeError):
        return f"{machine.python} ended with exit code {done.returncode}: {said}"


def differences(here: Mapping[str, object], there: Mapping[str, object], folder: str) -> str:
    """What keeps a machine with these facts from running our tests, or ""."""
    if there["python"] != here["python"]:
        return f"its Python is {there['python']}, here it is {here['python']}"
    if not there["folder"]:
        return f"it has no folder {folder}"
    packages, other = _table(here["packages"]), _table(there["packages"])
    for name, version in packages.items():
        if other[name] != version:
            return f"it has {name} {other[name] or 'not at all'}, here it is {version}"
    lacking = there["lacking"]
    if isinstance(lacking, list) and lacking:
        return f"it lacks {lacking[0]}, from where modules are imported here"
    files, others = _table(here["files"]), _table(there["files"])
    differing = sorted(name for name in {*files, *others} if files.get(name, "") != others.get(name, ""))
    if differing:
        more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
        return f"its checkout of {folder} differs: {', '.join(differing[:SHOWN])}{more}"
    return ""


def _table(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError(f"expected a table, not {value!r}")
    return {str(key): str(each) for key, each in value.items()}


def search_path() -> list[str]:
    """The entries of `sys.path` that exist here, which workers on other machines will get."""
    return [entry for entry in sys.path if entry and os.path.exists(entry)]
