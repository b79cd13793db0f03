"""A real sshd, with its own configuration and keys, whose hosts can have other files and networks than this one."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
START_S = 10


def missing() -> str:
    """Why there can be no sshd here, or ""."""
    if SSHD is None:
        return "no sshd here (Debian: openssh-server)"
    lacking = [tool for tool in ("ssh", "ssh-keygen") if shutil.which(tool) is None]
    return f"no {lacking[0]} here (Debian: openssh-client)" if lacking else ""


def can_mount() -> bool:
    """Whether a command may see other files at the same paths, in a mount namespace of its own."""
    done = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    return done.returncode == 0


@cache
def cannot_network() -> str:
    """Why there can be no network namespaces here, or ""."""
    if shutil.which("ip") is None:
        return "no ip here (Debian: iproute2)"
    try:
        with network(0):
            return ""
    except subprocess.CalledProcessError as problem:
        return f"no network namespaces here: {problem.stderr.decode().strip()}"


@dataclass(frozen=True, slots=True)
class Network:
    """A network namespace, joined to ours by a cable; `address` is its end of it."""

    name: str
    address: str

    @property
    def prefix(self) -> list[str]:
        """What stands before a command that is to run there."""
        return ["ip", "netns", "exec", self.name]

    def pull_the_plug(self) -> None:
        """From here on nobody reaches it."""
        _ip("-n", self.name, "link", "set", "dev", "cable", "down")


@contextmanager
def network(number: int) -> Iterator[Network]:
    """A network of its own until the end of the block; `number` tells several of a process apart."""
    pid = os.getpid()
    name = f"tc{pid}-{number}"
    ours, theirs = (f"10.{pid >> 8 & 255}.{pid & 255}.{4 * number + end}" for end in (1, 2))
    _ip("netns", "add", name)
    try:
        _ip("link", "add", name, "type", "veth", "peer", "name", "cable", "netns", name)
        _ip("address", "add", f"{ours}/30", "dev", name)
        _ip("link", "set", "dev", name, "up")
        _ip("-n", name, "address", "add", f"{theirs}/30", "dev", "cable")
        _ip("-n", name, "link", "set", "dev", "cable", "up")
        yield Network(name, theirs)
    finally:
        _ip("netns", "delete", name)  # the cable goes with it


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass(frozen=True, slots=True)
class Server:
    """A running sshd and the configuration with which ssh finds it under the names given to `serving`."""

    port: int
    config: Path


@contextmanager
def serving(folder: Path, hosts: Mapping[str, str], networks: Mapping[str, Network] | None = None) -> Iterator[Server]:
    """Serve until the end of the block.

    `hosts` maps each name to a prefix for its commands, such as "unshare -m ..."; "" for none. A host is on
    loopback if it has none of the `networks`.
    """
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    # The name that ssh was given travels as a variable, so that one server can be several machines.
    rules = "".join(f'    {name}) exec {prefix} sh -c "$SSH_ORIGINAL_COMMAND" ;;\n' for name, prefix in hosts.items())
    command = folder / "command"
    command.write_text(f'#!/bin/sh\ncase "$TO_HOST" in\n{rules}esac\n')
    command.chmod(0o700)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd, as root, locks itself in
    places = {name: place for name, place in (networks or {}).items() if name in hosts}
    port = _free_port()
    (folder / "sshd_config").write_text(
        f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        f"PermitRootLogin prohibit-password\nAcceptEnv *\nForceCommand {command}\n"
    )
    (folder / "config").write_text(
        "".join(f"Host {name}\n    SetEnv TO_HOST={name}\n{_at(places.get(name))}" for name in hosts)
        + f"Host *\n    HostName 127.0.0.1\n    Port {port}\n    User {getpass.getuser()}\n"
        f"    IdentityFile {folder}/user\n    IdentitiesOnly yes\n    UserKnownHostsFile {folder}/known\n"
        "    StrictHostKeyChecking accept-new\n    LogLevel ERROR\n"
        "    SendEnv WITNESS PYTHONPATH PYTEST_* LANG HOME\n"
    )
    with ExitStack() as running:
        running.enter_context(_sshd(folder, [], "127.0.0.1", port))
        for place in places.values():
            running.enter_context(_sshd(folder, place.prefix, place.address, port))
        yield Server(port, folder / "config")


def _at(place: Network | None) -> str:
    return "" if place is None else f"    HostName {place.address}\n"


@contextmanager
def _sshd(folder: Path, prefix: list[str], address: str, port: int) -> Iterator[None]:
    """One server process."""
    assert SSHD is not None
    listen = f"ListenAddress={address}:{port}"
    with (folder / f"log-{address}").open("w") as log:
        process = subprocess.Popen(
            [*prefix, SSHD, "-D", "-e", "-f", folder / "sshd_config", "-o", listen],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait(address, port, process, folder / f"log-{address}")
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=START_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(address: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((address, port)) == 0:
                return
        time.sleep(0.05)
    print(log.read_text(), file=sys.stderr)
    raise RuntimeError(f"sshd did not answer at {address}, port {port}")
