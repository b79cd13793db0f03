"""The one function `digest_of(input)`: the fingerprint of any input as it is now."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING

from testcache import digest
from testcache.code.looks import ANYTHING
from testcache.inputs import files as fs
from testcache.inputs.distributions import Distributions
from testcache.inputs.files import Files
from testcache.inputs.modules import Modules
from testcache.inputs.roots import Roots
from testcache.inputs.sources import Sources
from testcache.inputs.variables import Variables
from testcache.model import ABSENT, EVERY, Digest, Input, Kind

if TYPE_CHECKING:
    from testcache.code.source import Source


LARGEST_TEMPLATE = 1 << 20
"""A page that a program fills in is much smaller; a longer file may hold any name."""

_WORD = re.compile(r"[^\W\d]\w*")


class World:
    """Fingerprints of inputs now, each computed once until `forget`."""

    def __init__(
        self,
        roots: Roots,
        files: Files,
        sources: Sources,
        variables: Variables,
        distributions: Distributions,
        search: Sequence[str] | None = None,
    ) -> None:
        self.roots = roots
        self.files = files
        self.sources = sources
        self.variables = variables
        self.distributions = distributions
        self.modules = Modules(roots, search)
        self.options: dict[str, Digest] = {}
        self._memo: dict[Input, Digest] = {}
        self._parsed: dict[str, Source | None] = {}
        self._words: dict[str, Container[str]] = {}
        self._of: dict[Kind, Callable[[str], Digest]] = {
            Kind.BODY: self._body,
            Kind.WHOLE: self._whole,
            Kind.DEFINITIONS: self._definitions,
            Kind.EXPORTS: self._exports,
            Kind.BLOCK: self._block,
            Kind.FILE: lambda name: files.digest(roots.path(name)),
            Kind.EXISTS: lambda name: fs.kind_of(roots.path(name)),
            Kind.STAT: lambda name: fs.stat_of(roots.path(name)),
            Kind.TIMES: lambda name: fs.times_of(roots.path(name)),
            Kind.PERMISSIONS: lambda name: fs.permissions_of(roots.path(name)),
            Kind.LISTING: lambda name: fs.listing_of(roots.path(name)),
            Kind.LINK: lambda name: fs.link_of(roots.path(name)),
            Kind.VARIABLE: variables.fingerprint,
            Kind.DISTRIBUTION: distributions.fingerprint,
            Kind.MODULE: self.modules.location,
            Kind.OPTION: lambda name: self.options.get(name, ABSENT),
        }

    def digest_of(self, asked: Input) -> Digest:
        """The fingerprint of an input now. Cost: a look-up from the second time on."""
        value = self._memo.get(asked)
        if value is None:
            value = self._of[asked.kind](asked.name)
            if asked.kind is not Kind.OPTION:  # unknown until conftest files are loaded, and a look-up anyway
                self._memo[asked] = value
        return value

    def digest_again(self, asked: Input) -> Digest:
        """The fingerprint of an input that may have changed since it was asked for."""
        self._memo.pop(asked, None)
        return self.digest_of(asked)

    def forget(self) -> None:
        """The world may have changed: ask it again."""
        self._memo.clear()
        self._parsed.clear()
        self._words.clear()
        self.modules.forget()
        self.distributions.forget()

    def source(self, name: str) -> Source | None:
        """The Source of a file now, None if there is no such file."""
        if name not in self._parsed:
            path = self.roots.path(name)
            content = self.files.digest(path)
            try:
                source = self.sources.at(content, path, lambda: fs.read_bytes(path)) if content else None
            except OSError:
                source = None
            self._parsed[name] = source
        return self._parsed[name]

    def words(self, name: str) -> Container[str]:
        """The names that stand in a data file now; any, if it is large or no text. Cost: 10 ms a megabyte, once."""
        if name not in self._words:
            try:
                data = fs.read_bytes(self.roots.path(name))
            except OSError:
                data = b"\0"
            is_text = len(data) <= LARGEST_TEMPLATE and b"\0" not in data  # an archive has zeros, and a table of pages
            self._words[name] = frozenset(_WORD.findall(data.decode("utf-8", "replace"))) if is_text else ANYTHING
        return self._words[name]

    def _body(self, name: str) -> Digest:
        source = self.source(name)
        return source.body if source is not None else ABSENT

    def _whole(self, name: str) -> Digest:
        source = self.source(name)
        return source.whole if source is not None else ABSENT

    def _definitions(self, name: str) -> Digest:
        source = self.source(name) if "::" not in name and name != EVERY else None
        return source.defined if source is not None else ABSENT

    def _exports(self, name: str) -> Digest:
        source = self.source(name)
        return source.exported if source is not None else ABSENT

    def _block(self, name: str) -> Digest:
        path, _, block = name.partition("::")
        source = self.source(path)
        return source.blocks.get(block, ABSENT) if source is not None else ABSENT


def option_digest(value: object) -> Digest:
    """Digest of an option's value by its text; objects without a stable text never repeat."""
    return digest.of_fields("option", repr(value))
