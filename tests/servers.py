"""Real servers on loopback for tests of the remote, and a proxy that counts, delays and cuts connections."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlsplit

import pytest

START_TIMEOUT_S = 30
BUCKET = "results"
_AWS = {"AWS_ACCESS_KEY_ID": "AKIATESTCACHE", "AWS_SECRET_ACCESS_KEY": "only-in-tests", "AWS_REGION": "us-east-1"}
_MOTO = """
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)
"""
"""One request at a time: moto looks at the condition of a write and then writes, where S3 does both at once."""

AZURITE = Path(__file__).parent.parent / ".azurite" / "node_modules" / ".bin" / "azurite-blob"
"""Where `.ci/run` installs it."""

_ACCOUNT, _ACCOUNT_KEY = "tests", base64.b64encode(b"only-in-tests").decode()


@dataclass(frozen=True, slots=True)
class Server:
    """Where a remote is, and the environment that leads to it."""

    url: str
    port: int = 0
    env: Mapping[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def folder(place: Path) -> Iterator[Server]:
    """A shared folder."""
    place.mkdir(parents=True)
    yield Server(f"file://{place}/cache")


@contextlib.contextmanager
def redis(place: Path) -> Iterator[Server]:
    """redis-server without persistence."""
    port = _free_port()
    with _running([_binary("redis-server"), "--port", str(port), "--save", "", "--bind", "127.0.0.1"], port, place):
        yield Server(f"redis://127.0.0.1:{port}/0", port)


@contextlib.contextmanager
def nginx(place: Path, *, certificate: Path | None = None, most: str = "32m") -> Iterator[Server]:
    """nginx that stores what is PUT, as a WebDAV server does; over TLS if it has a certificate and key, in one file.

    It takes bodies of at most `most` bytes.
    """
    port, data = _free_port(), place / "data"
    data.mkdir(parents=True)
    tls = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};" if certificate else ""
    configuration = place / "nginx.conf"
    configuration.write_text(
        f"""
        daemon off; master_process off; pid {place}/pid;
        events {{ worker_connections 512; }}
        http {{
            access_log off; client_body_temp_path {place}/body;
            proxy_temp_path {place}/p; fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;
            server {{
                listen 127.0.0.1:{port} {"ssl" if tls else ""}; {tls}
                location / {{
                    root {data}; dav_methods PUT; create_full_put_path on; client_max_body_size {most};
                }}
            }}
        }}
        """,
        encoding="utf-8",
    )
    # Debian keeps it where the path of an ordinary user does not lead.
    binary = _binary("nginx", "/usr/sbin/nginx")
    with _running([binary, "-c", str(configuration), "-e", str(place / "errors")], port, place):
        yield Server(f"http{'s' if tls else ''}://127.0.0.1:{port}/testcache", port)


@contextlib.contextmanager
def bazel_remote(place: Path, *options: str) -> Iterator[Server]:
    """bazel-remote as it comes: it takes only an ActionResult, and writes into it who sent it."""
    binary, port = _binary("bazel-remote"), _free_port()
    command = [binary, "--dir", str(place / "cache"), "--max_size", "1"]
    command += ["--http_address", f"127.0.0.1:{port}", "--grpc_address", "none", *options]
    with _running(command, port, place):
        yield Server(f"http://127.0.0.1:{port}/testcache", port)


@contextlib.contextmanager
def moto(place: Path) -> Iterator[Server]:
    """moto's S3, with a bucket."""
    pytest.importorskip("moto")
    port = _free_port()
    with _running([sys.executable, "-c", _MOTO, str(port)], port, place):
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/{BUCKET}", method="PUT")
        urllib.request.urlopen(asked, timeout=START_TIMEOUT_S).close()  # noqa: S310
        yield Server(f"s3://{BUCKET}/testcache", port, {**_AWS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"})


@contextlib.contextmanager
def gcs(place: Path) -> Iterator[Server]:
    """Google's object store, as far as `gcs.py` stands in for it."""
    port = _free_port()
    account = {"gcs_base_url": f"http://127.0.0.1:{port}", "disable_oauth": True}
    account |= dict.fromkeys(("client_email", "private_key", "private_key_id"), "")
    with _running([sys.executable, str(Path(__file__).with_name("gcs.py")), str(port)], port, place):
        yield Server(f"gs://{BUCKET}/testcache", port, {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(account)})


@contextlib.contextmanager
def azurite(place: Path) -> Iterator[Server]:
    """Microsoft's emulator of its object store, with a container."""
    binary = _binary("azurite-blob", str(AZURITE))
    port = _free_port()
    own = {"AZURITE_ACCOUNTS": f"{_ACCOUNT}:{_ACCOUNT_KEY}"}
    command = [binary, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence"]
    # The library speaks a newer version of the protocol than the emulator knows.
    command += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    with _running(command, port, place, env={**os.environ, **own}):
        url = f"http://127.0.0.1:{port}/{_ACCOUNT}/{BUCKET}"
        asked = urllib.request.Request(f"{url}?restype=container", method="PUT", headers=_signed(url))  # noqa: S310
        urllib.request.urlopen(asked, timeout=START_TIMEOUT_S).close()  # noqa: S310
        env = {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": f"http://127.0.0.1:{port}"}
        env |= {"AZURE_STORAGE_ACCOUNT_NAME": _ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": _ACCOUNT_KEY}
        yield Server(f"az://{BUCKET}/testcache", port, env)


def _signed(url: str) -> dict[str, str]:
    """The headers of a request that makes a container: no library that is here does that."""
    sent = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    lines = ["PUT", *[""] * 11, *(f"{name}:{value}" for name, value in sent.items())]
    lines += [f"/{_ACCOUNT}{urlsplit(url).path}", "restype:container"]
    digest = hmac.digest(base64.b64decode(_ACCOUNT_KEY), "\n".join(lines).encode(), "sha256")
    return sent | {"Authorization": f"SharedKey {_ACCOUNT}:{base64.b64encode(digest).decode()}"}


ENGINES = {"folder": folder, "redis": redis, "nginx": nginx, "bazel-remote": bazel_remote}
ENGINES |= {"moto": moto, "gcs": gcs, "azurite": azurite}


class Proxy:
    """A TCP proxy on loopback.

    Args:
        port: of the server behind it; 0: it takes connections and never answers.
        delay_s: added to each request.
        cut_after: from this request on every connection is cut, and no new one is taken.

    Attributes:
        requests: how many times a client sent something after it had waited for an answer.
    """

    def __init__(self, port: int, *, delay_s: float = 0.0, cut_after: int | None = None) -> None:
        self._behind = port
        self._delay_s = delay_s
        self._cut_after = cut_after
        self._open: list[socket.socket] = []
        self._closed = False
        self._door = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._door.getsockname()[1]
        self.requests = 0
        self.connections = 0
        self._count = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._closed = True
        for each in [self._door, *self._open]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                self.connections += 1
                self._open.append(client)
                if self._closed:
                    client.close()
                elif self._behind:
                    threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._behind)) as server:
            self._open.append(server)
            answered = threading.Event()
            answered.set()
            threading.Thread(target=self._answers, args=(server, client, answered), daemon=True).start()
            while data := client.recv(1 << 16):
                if answered.is_set():
                    answered.clear()
                    with self._count:
                        self.requests += 1
                        number = self.requests
                    if self._cut_after is not None and number > self._cut_after:
                        self.close()
                        return
                    time.sleep(self._delay_s)
                server.sendall(data)
        client.close()

    @staticmethod
    def _answers(server: socket.socket, client: socket.socket, answered: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                answered.set()
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)


class Forward:
    """An HTTP proxy on loopback, as companies have: whatever host it is asked for, it goes to one port.

    Attributes:
        heads: what each connection asked for first.
    """

    def __init__(self, port: int) -> None:
        self._behind = port
        self._door = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://me:hunter2@127.0.0.1:{self._door.getsockname()[1]}"
        self.heads: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Forward:
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self._behind)) as server:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(1 << 16)
            self.heads.append(head)
            if head.startswith(b"CONNECT "):
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                server.sendall(head)
            threading.Thread(target=_pour, args=(server, client), daemon=True).start()
            _pour(client, server)


def _pour(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


def certificate(place: Path, host: str) -> Path:
    """A certificate for a host, signed by itself, and its key, in one file."""
    file = place / f"{host}.pem"
    made = [_binary("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made += ["-days", "2", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    subprocess.run([*made, "-keyout", f"{file}.key", "-out", file], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + Path(f"{file}.key").read_bytes())
    return file


def _binary(name: str, *others: str) -> str:
    found = next((path for path in (shutil.which(name), *others) if path and os.access(path, os.X_OK)), None)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


@contextlib.contextmanager
def _running(command: list[str], port: int, place: Path, *, env: Mapping[str, str] | None = None) -> Iterator[None]:
    place.mkdir(parents=True, exist_ok=True)
    with (place / "output").open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=place, env=env)
    try:
        give_up = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                text = (place / "output").read_text(errors="replace")
                assert process.poll() is None, text
                assert time.monotonic() < give_up, text
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(START_TIMEOUT_S)
