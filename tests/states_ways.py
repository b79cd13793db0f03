"""State that outlives a test, with work done before, behind or beside the test for it."""

from __future__ import annotations

from states import Case

WAYS = {
    "a parent's cache": Case(
        """
        class Node:
            def __init__(self, parent=None):
                self.parent, self.cache = parent, {}
            def get(self, key):
                top = self
                while top.parent is not None:
                    top = top.parent
                if key not in top.cache:
                    top.cache[key] = work(key)
                return top.cache[key]
        ROOT = Node()
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.Node(m.ROOT).get("a")
        def test_reads(): assert m.Node(m.ROOT).get("a")
        def test_far(): assert m.__name__
        """,
    ),
    "a cache behind a property": Case(
        """
        SHARED = {}
        class Node:
            @property
            def cache(self):
                return SHARED
            def get(self, key):
                if key not in self.cache:
                    self.cache[key] = work(key)
                return self.cache[key]
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.Node().get("a")
        def test_reads(): assert m.Node().get("a")
        def test_far(): assert m.__name__
        """,
    ),
    "an attribute with a data descriptor": Case(
        """
        class Shared:
            values = {}
            def __set_name__(self, owner, name): self.name = name
            def __get__(self, thing, owner): return self.values.get(self.name)
            def __set__(self, thing, value): self.values[self.name] = value
        class Box:
            rows = Shared()
            def get(self):
                if self.rows is None:
                    self.rows = work()
                return self.rows
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.Box().get()
        def test_reads(): assert m.Box().get()
        def test_far(): assert m.__name__
        """,
    ),
    "a setattr of its own": Case(
        """
        STATE = {}
        class Box:
            def __setattr__(self, name, value): STATE[name] = value
            def __getattr__(self, name):
                try: return STATE[name]
                except KeyError: raise AttributeError(name)
            def get(self):
                if not hasattr(self, "rows"):
                    self.rows = work()
                return self.rows
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.Box().get()
        def test_reads(): assert m.Box().get()
        def test_far(): assert m.__name__
        """,
    ),
    "built up by more steps than are followed": Case(
        """
        class Box:
            def __init__(self): self.rows = {}
            def row(self, key):
                if key not in self.rows:
                    self.rows[key] = work(key) if key == 90 else 5
                return self.rows[key]
        KEPT = []
        def work(*args):
            return 1
        """,
        """
        def test_first():
            box = m.Box()
            assert all(box.row(k) for k in range(100))
            m.KEPT.append(box)
        def test_reads(): assert m.KEPT[0].row(90) if m.KEPT else m.work()
        """,
    ),
    "many objects of a session fixture": Case(
        """
        class Box:
            value = None
            def get(self, n):
                if self.value is None:
                    self.value = work() if n == 30 else 5
                return self.value
        def work(*args):
            return 1
        """,
        """
        import pytest
        @pytest.fixture(scope="session")
        def boxes(): return [m.Box() for _ in range(40)]
        def test_first(boxes): assert all(b.get(n) for n, b in enumerate(boxes))
        def test_reads(boxes): assert boxes[30].get(0)
        """,
    ),
    "dies with its class of tests": Case(
        """
        class Box:
            value = None
            def get(self):
                if self.value is None:
                    self.value = work()
                return self.value
        def work(*args):
            return 1
        """,
        """
        import pytest
        class TestA:
            @pytest.fixture(scope="class")
            def box(self): return m.Box()
            def test_first(self, box): assert box.get()
            def test_reads(self, box): assert box.value
        class TestB:
            def test_far(self): assert m.Box.value is None
        """,
    ),
    "an object alive in a default of the test": Case(
        """
        class Box:
            value = None
            def get(self):
                if self.value is None:
                    self.value = work()
                return self.value
        def work(*args):
            return 1
        """,
        """
        def test_first(box=m.Box()): assert box.get()
        def test_reads(): assert test_first.__defaults__[0].get()
        def test_far(): assert m.__name__
        """,
    ),
    "partial of a cached function": Case(
        """
        import functools
        @functools.lru_cache
        def base(key, other): return work(key)
        ask = functools.partial(base, "a")
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.ask(1)
        def test_reads(): assert m.ask(1)
        def test_far(): assert m.__name__
        """,
    ),
    "an abstract lazy object": Case(
        """
        class Lazy:
            def __init__(self, make): self.make = make; self.done = False
            def __call__(self):
                if not self.done:
                    self.value, self.done = self.make(), True
                return self.value
        LAZY = Lazy(lambda: work())
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.LAZY()
        def test_reads(): assert m.LAZY()
        """,
    ),
    "a cached property beside a lock": Case(
        """
        import functools, threading
        class cached_property:
            def __init__(self, make): self.make, self.lock = make, threading.RLock()
            def __set_name__(self, owner, name): self.name = name
            def __get__(self, thing, owner=None):
                cache = thing.__dict__
                val = cache.get(self.name, None)
                if val is None:
                    with self.lock:
                        val = cache.get(self.name, None)
                        if val is None:
                            val = self.make(thing)
                            cache[self.name] = val
                return val
        class Site:
            @cached_property
            def pages(self): return work()
        SITE = Site()
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.SITE.pages
        def test_reads(): assert m.SITE.pages
        """,
    ),
}
