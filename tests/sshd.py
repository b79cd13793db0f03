"""A real sshd on loopback, with its own configuration and keys, whose hosts can differ from this one."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Server:
    """A running sshd and the configuration with which ssh finds it under the names given to `serving`."""

    port: int
    config: Path


@contextmanager
def serving(folder: Path, hosts: dict[str, str]) -> Iterator[Server]:
    """Serve until the end of the block.

    `hosts` maps each name to a prefix for its commands, such as "unshare -m ..."; "" for none.
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
    port = _free_port()
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        f"PermitRootLogin prohibit-password\nAcceptEnv *\nForceCommand {command}\n"
    )
    (folder / "config").write_text(
        "".join(f"Host {name}\n    SetEnv TO_HOST={name}\n" for name in hosts)
        + f"Host *\n    HostName 127.0.0.1\n    Port {port}\n    User {getpass.getuser()}\n"
        f"    IdentityFile {folder}/user\n    IdentitiesOnly yes\n    UserKnownHostsFile {folder}/known\n"
        "    StrictHostKeyChecking accept-new\n    LogLevel ERROR\n"
        "    SendEnv WITNESS PYTHONPATH PYTEST_* LANG HOME\n"
    )
    assert SSHD is not None
    log = (folder / "log").open("w")
    process = subprocess.Popen(
        [SSHD, "-D", "-e", "-f", folder / "sshd_config"], stdout=log, stderr=log, start_new_session=True
    )
    try:
        _wait(port, process, folder / "log")
        yield Server(port, folder / "config")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=START_S)
        log.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    print(log.read_text(), file=sys.stderr)
    raise RuntimeError(f"sshd did not answer on port {port}")
