"""State that outlives a test on objects and classes."""

from __future__ import annotations

from states import Case

OBJECTS = {
    "a class attribute, set through the object": Case(
        """
        class Codes:
            table = None
            def get(self):
                if self.table is None:
                    type(self).table = work()
                return self.table
        def work():
            return 1
        """,
        """
        def test_first(): assert m.Codes().get()
        def test_reads(): assert m.Codes().get()
        def test_reads_it_plainly(): assert m.Codes.table
        def test_far(): assert m.__name__
        """,
    ),
    "a class attribute, set through __class__": Case(
        """
        class Codes:
            table = None
            def get(self):
                if not self.__class__.table:
                    self.__class__.table = work()
                return self.table
        def work():
            return 1
        """,
        """
        def test_first(): assert m.Codes().get()
        def test_reads(): assert m.Codes().get()
        def test_far(): assert m.__name__
        """,
    ),
    "a class attribute, set by name": Case(
        """
        class Codes:
            @classmethod
            def get(cls):
                if not hasattr(cls, "table"):
                    setattr(cls, "table", work())
                return cls.table
        def work():
            return 1
        """,
        """
        def test_first(): assert m.Codes.get()
        def test_reads(): assert m.Codes.get()
        def test_far(): assert m.__name__
        """,
    ),
    "an attribute of a subclass": Case(
        """
        class Base:
            @classmethod
            def get(cls):
                if "_rows" not in cls.__dict__:
                    cls._rows = work()
                return cls._rows
        class Sub(Base): pass
        def work():
            return 1
        """,
        """
        def test_first(): assert m.Sub.get()
        def test_reads(): assert m.Sub.get()
        def test_far(): assert m.__name__
        """,
    ),
    "a class made when it is needed": Case(
        """
        KINDS = {}
        def kind(name):
            if name not in KINDS:
                KINDS[name] = type(name, (), {"size": work(name)})
            return KINDS[name]
        def work(name):
            return 1
        """,
        """
        def test_first(): assert m.kind("a")().size
        def test_reads(): assert m.kind("a")().size
        def test_far(): assert m.__name__
        """,
    ),
    "a frozen object that keeps its own": Case(
        """
        from dataclasses import dataclass, field
        @dataclass(frozen=True)
        class Point:
            x: int
            _norm: object = field(default=None, compare=False)
            def norm(self):
                if self._norm is None:
                    object.__setattr__(self, "_norm", work())
                return self._norm
        ORIGIN = Point(0)
        def work():
            return 1
        """,
        """
        def test_first(): assert m.ORIGIN.norm()
        def test_reads(): assert m.ORIGIN.norm()
        def test_far(): assert m.__name__
        """,
    ),
    "slots of an object of the module": Case(
        """
        class Point:
            __slots__ = ("_norm", "__weakref__")
            def norm(self):
                try:
                    return self._norm
                except AttributeError:
                    self._norm = work()
                    return self._norm
        ORIGIN = Point()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.ORIGIN.norm()
        def test_reads(): assert m.ORIGIN.norm()
        def test_far(): assert m.__name__
        """,
    ),
    "slots of an object in the instance dict of another": Case(
        """
        class Point:
            __slots__ = ("_norm",)
            def norm(self):
                if not hasattr(self, "_norm"):
                    self._norm = work()
                return self._norm
        class Map: pass
        def work():
            return 1
        """,
        """
        import pytest
        @pytest.fixture(scope="module")
        def map():
            made = m.Map()
            made.origin = m.Point()
            return made
        def test_first(map): assert map.origin.norm()
        def test_reads(map): assert map.origin.norm()
        def test_far(): assert m.__name__
        """,
    ),
    "a cached property of a member of an enum": Case(
        """
        import enum, functools
        class Colour(enum.Enum):
            RED = 1
            @functools.cached_property
            def shade(self):
                return work()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.Colour.RED.shade
        def test_reads(): assert m.Colour.RED.shade
        def test_far(): assert m.__name__
        """,
    ),
    "a cache of a class method": Case(
        """
        import functools
        class Codes:
            @classmethod
            @functools.cache
            def get(cls, key):
                return work(key)
        def work(key):
            return 1
        """,
        """
        def test_first(): assert m.Codes.get("a")
        def test_reads(): assert m.Codes.get("a")
        """,
    ),
    "a cache made when it is needed": Case(
        """
        import functools
        _ask = None
        def ask(key):
            global _ask
            if _ask is None:
                _ask = functools.lru_cache(None)(work)
            return _ask(key)
        def work(key):
            return 1
        """,
        """
        def test_first(): assert m.ask("a")
        def test_reads(): assert m.ask("a")
        def test_far(): assert m.__name__
        """,
    ),
    "what a getter hands out": Case(
        """
        _ROWS = {}
        def rows():
            return _ROWS
        def row(key):
            known = rows()
            if key not in known:
                rows()[key] = work(key)
            return rows()[key]
        def work(key):
            return 1
        """,
        """
        def test_first(): assert m.row("a")
        def test_reads(): assert m.row("a")
        def test_far(): assert m.__name__
        """,
    ),
    "a flag beside the value": Case(
        """
        class Site:
            ready = False
            def load(self):
                if self.ready:
                    return
                self.ready = True
                self.pages = work()
        SITE = Site()
        def work():
            return 1
        """,
        """
        def test_first():
            m.SITE.load()
            assert m.SITE.pages
        def test_reads():
            m.SITE.load()
            assert m.SITE.pages
        def test_far(): assert m.__name__
        """,
    ),
    "a flag of the module beside values of an object": Case(
        """
        READY = False
        class Site: pages = None
        SITE = Site()
        def load():
            global READY
            if not READY:
                SITE.pages = work()
                READY = True
            return SITE
        def work():
            return 1
        """,
        """
        def test_first(): assert m.load().pages
        def test_reads(): assert m.load().pages
        def test_far(): assert m.__name__
        """,
    ),
    "work done in an attribute before the test": Case(
        """
        class Site:
            pages = None
            def get(self, name):
                self.found = work(name)
                if self.pages is None:
                    self.pages = self.found
                return self.pages
        SITE = Site()
        def work(name):
            return other() if name == "a" else 3
        def other():
            return 1
        """,
        """
        def test_first(): assert m.SITE.get("a")
        def test_reads(): assert m.SITE.get("b")
        def test_reads_it_plainly(): assert m.SITE.pages
        def test_far(): assert m.__name__
        """,
    ),
}
