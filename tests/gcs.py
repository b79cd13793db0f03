"""A stand-in for Google's object store: the requests of its XML API that are asked for, with their conditions.

    python gcs.py PORT

No emulator that can be installed from a package index will do: gcp-storage-emulator knows no conditions, and
fake-gcs-server refuses what is PUT without a query. Written after
https://cloud.google.com/storage/docs/xml-api/overview: each write makes a generation, which conditions name.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from time import time
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

_objects: dict[str, tuple[bytes, int, float]] = {}
"""By bucket and name: the bytes, their generation, when they were written."""

_generations = count(1_700_000_000_000_000)
_lock = threading.Lock()


class Store(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        if "list-type" in query:
            self._list(unquote(parts.path), query.get("prefix", [""])[0])
            return
        found = _objects.get(unquote(parts.path))
        if found is None:
            self._answer(HTTPStatus.NOT_FOUND)
            return
        data, generation, written_at = found
        self._answer(HTTPStatus.OK, data, generation, formatdate(written_at, usegmt=True))

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        with _lock:
            found = _objects.get(unquote(self.path))
            wanted = self.headers["x-goog-if-generation-match"]
            if wanted is not None and int(wanted) != (found[1] if found else 0):
                self._answer(HTTPStatus.PRECONDITION_FAILED)
                return
            generation = next(_generations)
            _objects[unquote(self.path)] = data, generation, time()
        self._answer(HTTPStatus.OK, b"", generation)

    def do_DELETE(self) -> None:
        found = _objects.pop(unquote(self.path), None)
        self._answer(HTTPStatus.NO_CONTENT if found else HTTPStatus.NOT_FOUND)

    def _list(self, bucket: str, prefix: str) -> None:
        start = f"{bucket}/"
        rows = "".join(
            f"<Contents><Key>{escape(name.removeprefix(start))}</Key><Size>{len(data)}</Size>"
            f"<LastModified>{_moment(written_at)}</LastModified><ETag>{_tag(data)}</ETag></Contents>"
            for name, (data, _, written_at) in sorted(_objects.items())
            if name.startswith(start + prefix)
        )
        self._answer(HTTPStatus.OK, f"<ListBucketResult>{rows}</ListBucketResult>".encode())

    def _answer(self, status: HTTPStatus, data: bytes = b"", generation: int = 0, modified: str = "") -> None:
        self.send_response(status)
        for name, value in (
            ("ETag", _tag(data)),
            ("x-goog-generation", generation and str(generation)),
            ("Last-Modified", modified),
            ("Content-Length", "" if status is HTTPStatus.NO_CONTENT else str(len(data))),
        ):
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _tag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Store).serve_forever()
