"""State that outlives a test, filled by statements of all shapes."""

from __future__ import annotations

from states import Case

FLOWS = {
    "the work is in the test itself": Case(
        """
        ROWS = {}
        def row(key):
            if key in ROWS or ROWS.setdefault(key, work(key)):
                return ROWS[key]
        def work(key):
            return 1
        """,
        """
        def test_first(): assert m.row("a")
        def test_reads(): assert m.row("a")
        def test_far(): assert m.__name__
        """,
    ),
    "one line with everything": Case(
        """
        ROWS = {}
        def row(key):
            return ROWS[key] if key in ROWS else ROWS.setdefault(key, work(key))
        class Box:
            rows = None
            def get(self): self.rows = self.rows or work("a"); return self.rows
        BOX = Box()
        def work(key):
            return 1
        """,
        """
        def test_first(): assert m.row("a") and m.BOX.get()
        def test_reads(): assert m.row("a")
        def test_reads_the_box(): assert m.BOX.get()
        def test_reads_it_plainly(): assert m.BOX.rows
        def test_far(): assert m.__name__
        """,
    ),
    "a walrus": Case(
        """
        ROWS = {}
        def row(key):
            if (found := ROWS.get(key)) is None:
                ROWS[key] = found = work(key)
            return found
        def work(key):
            return 1
        """,
        """
        def test_first(): assert m.row("a")
        def test_reads(): assert m.row("a")
        def test_far(): assert m.__name__
        """,
    ),
    "a match": Case(
        """
        class Box:
            rows = None
            def get(self):
                match self.rows:
                    case None:
                        self.rows = work()
                return self.rows
        BOX = Box()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.BOX.get()
        def test_reads(): assert m.BOX.rows
        def test_far(): assert m.__name__
        """,
    ),
    "a lock around it": Case(
        """
        import threading
        LOCK = threading.Lock()
        ROWS = None
        def rows():
            global ROWS
            if ROWS is None:
                with LOCK:
                    if ROWS is None:
                        ROWS = work()
            return ROWS
        def work():
            return 1
        """,
        """
        def test_first(): assert m.rows()
        def test_reads(): assert m.rows()
        def test_far(): assert m.__name__
        """,
    ),
    "filled in another thread": Case(
        """
        import threading
        class Box:
            rows = None
            def get(self):
                if self.rows is None:
                    self.rows = work()
                return self.rows
        BOX = Box()
        def work():
            return 1
        """,
        """
        def test_first():
            thread = m.threading.Thread(target=m.BOX.get)
            thread.start()
            thread.join()
            assert m.BOX.rows
        def test_reads(): assert m.BOX.rows
        def test_far(): assert m.__name__
        """,
    ),
    "filled by threads at the same time": Case(
        """
        import threading
        ROWS = {}
        STEP = threading.Barrier(2, timeout=10)
        def row(key):
            if key not in ROWS:
                if key == "a":
                    STEP.wait()
                    STEP.wait()
                    ROWS[key] = work()
                else:
                    STEP.wait()
                    ROWS[key] = 0
            return ROWS[key]
        def both():
            other = threading.Thread(target=row, args=("b",))
            first = threading.Thread(target=row, args=("a",))
            first.start()
            other.start()
            other.join()
            STEP.wait()
            first.join()
        def work():
            return 1
        """,
        """
        def test_first():
            m.both()
            assert m.ROWS["a"]
        def test_reads(): assert m.ROWS.get("a", 1)
        def test_far(): assert m.__name__
        """,
    ),
    "a coroutine that keeps what it awaited": Case(
        """
        import asyncio
        ROWS = {}
        async def row(key):
            if key not in ROWS:
                await asyncio.sleep(0)
                ROWS[key] = await work()
            return ROWS[key]
        async def work():
            await asyncio.sleep(0)
            return made()
        def made():
            return 1
        """,
        """
        def test_first(): assert m.asyncio.run(m.row("a"))
        def test_reads(): assert m.asyncio.run(m.row("a"))
        def test_far(): assert m.__name__
        """,
    ),
    "a hand-written singleton": Case(
        """
        class One:
            one = None
            @staticmethod
            def get():
                if One.one is None:
                    One.one = One()
                return One.one
            def __init__(self):
                self.value = work()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.One.get().value
        def test_reads(): assert m.One.get().value
        def test_far(): assert m.__name__
        """,
    ),
    "a registry that finds its own": Case(
        """
        REGISTRY = {}
        def register(function):
            REGISTRY[function.__name__] = function
            return function
        LOADED = []
        def find(name):
            if not LOADED:
                load()
                LOADED.append(True)
            return REGISTRY[name]
        def load():
            @register
            def shout():
                return 1
        """,
        """
        def test_first(): assert m.find("shout")()
        def test_reads(): assert m.find("shout")()
        def test_far(): assert m.__name__
        """,
        ("def shout():\n        return 1", "def shout():\n        return 2"),
    ),
    "an object in the cache of a fixture with parameters": Case(
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
        @pytest.fixture(scope="session", params=["x"])
        def box(request): return m.Box()
        @pytest.fixture
        def inner(box): return [box]
        def test_first(inner): assert inner[0].get()
        def test_reads(inner): assert inner[0].value
        def test_far(): assert m.__name__
        """,
    ),
    "an object of a class of tests": Case(
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
        import unittest
        class TestAll(unittest.TestCase):
            @classmethod
            def setUpClass(cls): cls.box = m.Box()
            def test_first(self): assert self.box.get()
            def test_reads(self): assert self.box.get()
        def test_far(): assert m.__name__
        """,
    ),
    "an attribute of the test module": Case(
        """
        def work():
            return 1
        """,
        """
        CACHE = {}
        def value():
            if "v" not in CACHE: CACHE["v"] = m.work()
            return CACHE["v"]
        def test_first(): assert value()
        def test_reads(): assert value()
        def test_far(): assert m.__name__
        """,
    ),
    "a function attribute": Case(
        """
        def lazy():
            if not hasattr(lazy, "value"):
                lazy.value = work()
            return lazy.value
        def work():
            return 1
        """,
        """
        def test_first(): assert m.lazy()
        def test_reads(): assert m.lazy()
        def test_far(): assert m.__name__
        """,
    ),
    "a property of a metaclass": Case(
        """
        class Meta(type):
            @property
            def rows(cls):
                if "_rows" not in vars(cls):
                    cls._rows = work()
                return cls._rows
        class Model(metaclass=Meta): pass
        def work():
            return 1
        """,
        """
        def test_first(): assert m.Model.rows
        def test_reads(): assert m.Model.rows
        def test_far(): assert m.__name__
        """,
    ),
}
