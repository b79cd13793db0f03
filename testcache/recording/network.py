"""Connections: a test that talks to something outside its own process depends on it.

Loopback servers that this process, or a recorded child of it, started are allowed. Does not see:
connections made by C libraries with their own sockets (database drivers, libcurl).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from testcache.reasons import Reason
from testcache.recording.origin import Origin
from testcache.recording.tape import Tape

_LABEL = "network "

_LOCAL_NAMES = frozenset({"", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "ip6-localhost"})  # noqa: S104  # names to recognise, nothing is bound


class Network:
    """Charges connections to the tape as problems, or as labels where a host is allowed."""

    def __init__(self, tape: Tape, origin: Origin, allowed: Mapping[str, float]) -> None:
        self._tape = tape
        self._origin = origin
        self._allowed = allowed
        self._listening: set[int] = set()
        self._names: dict[str, str] = {}
        self._listen: Any = None
        self.on_listen: Callable[[int], None] = lambda port: None
        self.handlers: dict[str, Callable[[tuple[Any, ...]], None]] = {
            "socket.connect": lambda args: self._reached(args[1]),
            "socket.sendto": lambda args: self._reached(args[1]),
            "socket.sendmsg": lambda args: self._reached(args[1]),
            "socket.getaddrinfo": lambda args: self._resolved(args[0]),
            "socket.gethostbyname": lambda args: self._resolved(args[0]),
            "socket.gethostbyaddr": lambda args: self._resolved(args[0]),
        }

    def install(self) -> None:
        """Learn which ports this process serves: `listen` has no audit event."""
        listen = socket.socket.listen
        self._listen = listen

        def listening(sock: socket.socket, *args: Any) -> None:
            listen(sock, *args)
            name = sock.getsockname()
            if isinstance(name, tuple) and len(name) > 1:
                self.served(name[1])
                self.on_listen(name[1])

        socket.socket.listen = listening  # type: ignore[method-assign, assignment]

    def uninstall(self) -> None:
        """Put `listen` back (it is inherited from the C class)."""
        if self._listen is not None and "listen" in socket.socket.__dict__:
            del socket.socket.listen
            self._listen = None

    def served(self, port: int) -> None:
        """A port that we, or a child, serve: connecting to it stays inside."""
        self._listening.add(port)

    def _resolved(self, host: object) -> None:
        name = host.decode() if isinstance(host, bytes) else str(host or "")
        if name in _LOCAL_NAMES or name.replace(".", "").isdigit() or ":" in name or name == socket.gethostname():
            return
        self._outside(name, name)

    def _reached(self, address: object) -> None:
        if not isinstance(address, tuple) or len(address) < 2:
            if isinstance(address, (str, bytes)) and address:
                self._unix(address)
            return
        host, port = str(address[0]), address[1]
        if (host in _LOCAL_NAMES or host.startswith("127.")) and port in self._listening:
            return
        self._outside(host, f"{host}:{port}")

    def _unix(self, address: str | bytes) -> None:
        path = address.decode(errors="replace") if isinstance(address, bytes) else address
        if path not in self._tape.written and not self._tape.is_own_output(path):
            self._outside(path, path)

    def _outside(self, host: str, target: str) -> None:
        frame, counts, _ = self._origin.find()
        if not counts:
            return
        name = self._names.get(host, host)
        if name in self._allowed:
            self._tape.top.labels.add(_LABEL + name)
            return
        self._tape.problem(Reason.NETWORK, f"{target} from {self._origin.where(frame)}")

    def ages(self, labels: Iterable[str]) -> Iterator[float]:
        """How long, in seconds, a result that carries these labels may be replayed."""
        for label in labels:
            if label.startswith(_LABEL):
                yield self._allowed[label.removeprefix(_LABEL)]

    def resolved_to(self, host: str, address: str) -> None:
        """Remember which allowed host an address stands for."""
        self._names[address] = host
