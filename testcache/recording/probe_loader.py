"""Instrumentation at import: ordinary modules by way of importlib, test modules by way of pytest.

Modules keep their ordinary loader, so that pkgutil, inspect and importlib.resources see nothing new.
Bytecode with probes is cached beside the ordinary one under another name and with a header of its
own, so that neither is ever taken for the other.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING

from testcache import digest
from testcache.recording import probe_tree
from testcache.recording.recorder import RecorderUnavailable, Wanted

if TYPE_CHECKING:
    from typing_extensions import Buffer

TAIL = f"-testcache{probe_tree.FORMAT}.pyc"
HEADER = 16

REWRITER = {
    "rewrite_asserts": ["mod", "source", "module_path", "config"],
    "_read_pyc": ["source", "pyc", "trace"],
}
"""The functions of pytest 9's assertion rewriter that are wrapped, with their parameters."""

Delivered = Callable[[CodeType, str], None]


class Loading:
    """The two places where source becomes code, replaced while installed.

    Does not see: loaders that override source_to_code, and code given to exec. That arrives at the audit hook of
    `probes` without probes, and counts as executed in every period.
    """

    def __init__(self, wanted: Wanted, delivered: Delivered) -> None:
        self._wanted = wanted
        self._delivered = delivered
        self._undo: list[tuple[object, str, object]] = []

    def install(self) -> None:
        """Raises `RecorderUnavailable` if pytest's assertion rewriter has an unknown shape."""
        rewriter = rewriter_of_pytest()
        self._replace(SourceFileLoader, "get_code", self._get_code(SourceFileLoader.get_code))
        if rewriter is not None:
            self._replace(rewriter, "PYC_TAIL", rewriter.PYC_TAIL.removesuffix(".pyc") + TAIL)
            self._replace(rewriter, "rewrite_asserts", self._rewrite_asserts(rewriter.rewrite_asserts))
            self._replace(rewriter, "_read_pyc", self._read_pyc(rewriter._read_pyc))

    def uninstall(self) -> None:
        for owner, name, before in reversed(self._undo):
            setattr(owner, name, before)
        self._undo.clear()

    def _replace(self, owner: object, name: str, new: object) -> None:
        self._undo.append((owner, name, getattr(owner, name)))
        setattr(owner, name, new)

    def _get_code(
        self, ordinary: Callable[[SourceFileLoader, str], CodeType | None]
    ) -> Callable[[SourceFileLoader, str], CodeType | None]:
        def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
            path = loader.get_filename(fullname)
            if type(loader) is not SourceFileLoader or not self._wanted(path):
                return ordinary(loader, fullname)
            code = ordinary(_ProbingLoader(fullname, path), fullname)
            if code is not None:
                self._delivered(code, path)
            return code

        return get_code

    def _rewrite_asserts(self, ordinary: Callable[..., None]) -> Callable[..., None]:
        def rewrite_asserts(
            mod: ast.Module, source: bytes, module_path: str | None = None, config: object = None
        ) -> None:
            ordinary(mod, source, module_path, config)
            if module_path is not None and self._wanted(module_path):
                probe_tree.instrument(mod, source, module_path)

        return rewrite_asserts

    def _read_pyc(self, ordinary: Callable[..., CodeType | None]) -> Callable[..., CodeType | None]:
        def read_pyc(source: Path, pyc: Path, trace: Callable[[str], None] = lambda _: None) -> CodeType | None:
            code = ordinary(source, pyc, trace)
            filename = str(source)
            if code is None or not self._wanted(filename):
                return code
            # pytest checks time and size; the file may have moved
            fits = code.co_filename == filename and probe_tree.scan(code, filename).probed
            return code if fits else None

        return read_pyc


class _ProbingLoader(SourceFileLoader):
    """Reads and writes bytecode elsewhere, compiles with probes, leaves the rest to importlib."""

    def get_data(self, path: str) -> bytes:
        if not path.endswith(".pyc"):
            return super().get_data(path)
        data = super().get_data(path.removesuffix(".pyc") + TAIL)
        if data[:HEADER] != self._header():
            raise OSError("the cached bytecode was made for other probes")  # importlib then compiles
        return data[HEADER:]

    def set_data(self, path: str, data: Buffer, *, _mode: int = 0o666) -> None:
        super().set_data(path.removesuffix(".pyc") + TAIL, self._header() + bytes(data), _mode=_mode)

    def source_to_code(  # type: ignore[override]
        self, data: bytes, path: str, *, _optimize: int = -1
    ) -> CodeType:
        filename = str(path)
        tree = ast.parse(data, filename)
        probe_tree.instrument(tree, data, filename)
        try:
            return super().source_to_code(tree, path, _optimize=_optimize)
        except (SyntaxError, ValueError):
            # Twenty nested blocks are the compiler's limit, and a generator gets one more.
            # Without probes the file's functions count as executed in every period.
            return super().source_to_code(data, path, _optimize=_optimize)

    def _header(self) -> bytes:
        """What else the bytecode depends on; importlib's own header has the seconds and the size."""
        stat = Path(self.path).stat()
        return bytes(digest.of_fields(probe_tree.FORMAT, self.path, stat.st_mtime_ns))


def rewriter_of_pytest() -> ModuleType | None:
    """pytest's rewriter if it is loaded. Raises `RecorderUnavailable` if its shape is not the known one."""
    module = sys.modules.get("_pytest.assertion.rewrite")
    if module is None:
        return None
    try:
        shapes = {name: list(inspect.signature(getattr(module, name)).parameters) for name in REWRITER}
        fits = isinstance(module.PYC_TAIL, str) and module.PYC_TAIL.endswith(".pyc")
    except AttributeError as error:
        raise RecorderUnavailable(f"pytest's assertion rewriter has another shape: {error}") from None
    if not fits or shapes != REWRITER:
        raise RecorderUnavailable(f"pytest's assertion rewriter has another shape: {shapes}")
    return module
