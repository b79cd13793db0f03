"""State that outlives a test, as it is usually kept."""

from __future__ import annotations

from states import Case

USUAL = {
    "a dict of the module": Case(
        """
        ROWS = {}
        def row(key):
            if key not in ROWS:
                ROWS[key] = work(key)
            return ROWS[key]
        def work(key):
            return 1
        """,
        """
        def test_first(): assert m.row("a")
        def test_reads(): assert m.row("a")
        def test_reads_the_dict(): assert m.ROWS["a"]
        def test_far(): assert m.__name__
        """,
    ),
    "a dict of the class, reached through an object": Case(
        """
        class Rows:
            _rows = {}
            def row(self, key):
                try:
                    return self._rows[key]
                except KeyError:
                    found = self._rows[key] = work(key)
                    return found
        def work(key):
            return 1
        """,
        """
        def test_first(): assert m.Rows().row("a")
        def test_reads(): assert m.Rows().row("a")
        def test_far(): assert m.__name__
        """,
    ),
    "an attribute of an object of the module": Case(
        """
        class Site:
            def __init__(self):
                self._pages = None
            def pages(self):
                if self._pages is None:
                    self._pages = work()
                return self._pages
        SITE = Site()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.SITE.pages()
        def test_reads(): assert m.SITE.pages()
        def test_reads_the_attribute(): assert m.SITE._pages
        def test_far(): assert m.__name__
        """,
    ),
    "a fixture of the session": Case(
        """
        class Box:
            rows = None
            def load(self):
                self.rows = self.rows or work()
                return self.rows
        def work():
            return 1
        """,
        """
        import pytest
        @pytest.fixture(scope="module")
        def box(): return m.Box()
        def test_first(box): assert box.load()
        def test_reads(box): assert box.load()
        def test_reads_the_attribute(box): assert box.rows
        def test_far(): assert m.__name__
        """,
    ),
    "a singleton by __new__": Case(
        """
        class One:
            _one = None
            def __new__(cls):
                if cls._one is None:
                    cls._one = super().__new__(cls)
                    cls._one.value = work()
                return cls._one
        def work():
            return 1
        """,
        """
        def test_first(): assert m.One().value
        def test_reads(): assert m.One().value
        def test_far(): assert m.__name__
        """,
    ),
    "a singleton by a metaclass": Case(
        """
        class Once(type):
            made = {}
            def __call__(cls, *args):
                if cls not in cls.made:
                    cls.made[cls] = super().__call__(*args)
                return cls.made[cls]
        class One(metaclass=Once):
            def __init__(self):
                self.value = work()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.One().value
        def test_reads(): assert m.One().value
        def test_far(): assert m.__name__
        """,
    ),
    "a lazy attribute of the module": Case(
        """
        def __getattr__(name):
            if name != "TABLE":
                raise AttributeError(name)
            found = globals()[name] = work()
            return found
        def work():
            return 1
        """,
        """
        def test_first(): assert m.TABLE
        def test_reads(): assert m.TABLE
        """,
    ),
    "a cached property of an object of the module": Case(
        """
        import functools
        class Site:
            @functools.cached_property
            def pages(self):
                return work()
        SITE = Site()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.SITE.pages
        def test_reads(): assert m.SITE.pages
        def test_far(): assert m.__name__
        """,
    ),
    "a lazy property by a descriptor of the project": Case(
        """
        class lazily:
            def __init__(self, make):
                self.make = make
            def __set_name__(self, owner, name):
                self.name = name
            def __get__(self, thing, owner):
                if thing is None:
                    return self
                made = self.make(thing)
                setattr(thing, self.name, made)
                return made
        class Site:
            @lazily
            def pages(self):
                return work()
        SITE = Site()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.SITE.pages
        def test_reads(): assert m.SITE.pages
        """,
    ),
    "lru_cache of a method of an object of the module": Case(
        """
        import functools
        class Site:
            @functools.lru_cache
            def page(self, name):
                return work(name)
        SITE = Site()
        def work(name):
            return 1
        """,
        """
        def test_first(): assert m.SITE.page("a")
        def test_reads(): assert m.SITE.page("a")
        def test_far(): assert m.__name__
        """,
    ),
    "a decorator of the project": Case(
        """
        import functools
        def keep(function):
            found = {}
            @functools.wraps(function)
            def asked(*args):
                key = tuple(args)
                try:
                    return found[key]
                except KeyError:
                    pass
                value = function(*args)
                found[key] = value
                return value
            return asked
        @keep
        def rate(name):
            return work(name)
        def work(name):
            return 1
        """,
        """
        def test_first(): assert m.rate("a")
        def test_reads(): assert m.rate("a")
        def test_far(): assert m.__name__
        """,
    ),
    "a table of patterns that is built when it is needed": Case(
        """
        import re
        PATTERNS = []
        def patterns():
            if not PATTERNS:
                PATTERNS.extend(re.compile(text) for text in work())
            return PATTERNS
        def work():
            return ["a", "b"]
        """,
        """
        def test_first(): assert m.patterns()
        def test_reads(): assert m.patterns()[0].match("a")
        def test_far(): assert m.__name__
        """,
        ('["a", "b"]', '["a", "b", "c"]'),
    ),
    "an import kept in a global": Case(
        """
        _json = None
        def module():
            global _json
            if _json is None:
                import json
                _json = work(json)
            return _json
        def work(found):
            return found
        """,
        """
        def test_first(): assert m.module()
        def test_reads(): assert m.module()
        def test_far(): assert m.__name__
        """,
        ("return found", "return (found, found)"),
    ),
    "a state shared by all objects of a class": Case(
        """
        class Borg:
            _state = {"value": None}
            def __init__(self):
                self.__dict__ = self._state
            def get(self):
                if self.value is None:
                    self.value = work()
                return self.value
        def work():
            return 1
        """,
        """
        def test_first(): assert m.Borg().get()
        def test_reads(): assert m.Borg().get()
        def test_far(): assert m.__name__
        """,
    ),
    "what is computed before the test for it": Case(
        """
        KEPT = {}
        def get(key):
            made = work(key)
            return KEPT.setdefault("always", made)
        def work(key):
            return part_a() if key == "a" else part_b()
        def part_a():
            return 1
        def part_b():
            return "b"
        """,
        """
        def test_first(): assert m.get("a")
        def test_reads(): assert m.get("b")
        def test_far(): assert m.__name__
        """,
    ),
    "an object that cannot be watched": Case(
        """
        class Point:
            __slots__ = ("x",)
            def __init__(self):
                self.x = None
            def get(self):
                if self.x is None:
                    self.x = work()
                return self.x
        ORIGIN = Point()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.ORIGIN.get()
        def test_reads(): assert m.ORIGIN.get()
        def test_far(): assert m.__name__
        """,
    ),
    "one of many objects lives on": Case(
        """
        class Box:
            value = None
            def get(self):
                if self.value is None:
                    self.value = work()
                return self.value
        KEPT = []
        def work():
            return 1
        """,
        """
        import pytest
        @pytest.mark.parametrize("number", range(3))
        def test_far(number): assert [m.Box().get.__name__ for _ in range(30)]
        def test_first_of_many(): assert all(m.Box().get() for _ in range(60))
        def test_first():
            m.KEPT.append(m.Box())
            assert m.KEPT[0].get()
        def test_reads(): assert m.KEPT[0].get() if m.KEPT else m.Box().get()
        """,
    ),
    "more keys than are followed": Case(
        """
        ROWS = {}
        def row(key):
            if key not in ROWS:
                ROWS[key] = work(key) if key == 3000 else key + 1
            return ROWS[key]
        def work(key):
            return 1
        """,
        """
        def test_first():
            for key in range(3001): assert m.row(key)
        def test_reads(): assert m.row(3000)
        def test_far(): assert m.__name__
        """,
    ),
    "read in the teardown of a wide fixture": Case(
        """
        class Box:
            value = None
            def get(self):
                if self.value is None:
                    self.value = work()
                return self.value
        def work():
            return 1
        """,
        """
        import pytest
        @pytest.fixture(scope="module")
        def box():
            made = m.Box()
            yield made
            assert made.value
        def test_first(box): assert box.get()
        def test_reads(box): assert box
        def test_far(): assert m.__name__
        """,
    ),
}
