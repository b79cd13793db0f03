"""State on objects with all kinds of lives: in fixtures, in threads, in crowds."""

from __future__ import annotations

from states import Case

LIVES = {
    "a descriptor that keeps values by object": Case(
        """
        class Keep:
            def __init__(self): self.values = {}
            def __get__(self, thing, owner):
                if id(thing) not in self.values:
                    self.values[id(thing)] = work()
                return self.values[id(thing)]
        class Site:
            pages = Keep()
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
    "an instance dict of its own kind": Case(
        """
        class Lazy:
            def __getattr__(self, name):
                if name != "rows":
                    raise AttributeError(name)
                self.__dict__[name] = found = work()
                return found
        LAZY = Lazy()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.LAZY.rows
        def test_reads(): assert m.LAZY.rows
        """,
    ),
    "a container that others have too": Case(
        """
        SHARED = {}
        class Box:
            def __init__(self): self.rows = SHARED
            def row(self, key):
                if key not in self.rows:
                    self.rows[key] = work(key)
                return self.rows[key]
        def work(key):
            return 1
        """,
        """
        def test_first(): assert m.Box().row("a")
        def test_reads(): assert m.Box().row("a")
        def test_far(): assert m.__name__
        """,
    ),
    "many objects of which none is known by itself": Case(
        """
        KEPT = []
        class Box:
            value = None
            def get(self):
                if self.value is None:
                    self.value = work() if len(KEPT) == 15 else 5
                return self.value
        def fill():
            for _ in range(20):
                box = Box()
                box.get()
                KEPT.append(box)
        def work():
            return 1
        """,
        """
        def test_first():
            m.fill()
            assert m.KEPT[15].value
        def test_reads(): assert m.KEPT[15].get() if m.KEPT else m.work()
        """,
    ),
    "an object that is kept alive only by an exception": Case(
        """
        LAST = []
        class Box:
            value = None
            def get(self):
                if self.value is None:
                    self.value = work()
                return self.value
        def fail(box):
            box.get()
            raise ValueError(box)
        def work():
            return 1
        """,
        """
        import pytest
        def test_first():
            with pytest.raises(ValueError) as caught: m.fail(m.Box())
            m.LAST.append(caught.value)
        def test_reads(): assert (m.LAST[0].args[0] if m.LAST else m.Box()).get()
        def test_far(): assert m.__name__
        """,
    ),
    "a file that was read once": Case(
        """
        import os
        TEXTS = {}
        def text():
            path = os.path.join(os.path.dirname(__file__), "pytest.ini")
            if path not in TEXTS:
                with open(path) as stream:
                    TEXTS[path] = work(stream.read())
            return TEXTS[path]
        def work(text):
            return 1
        """,
        """
        def test_first(): assert m.text()
        def test_reads(): assert m.text()
        def test_far(): assert m.__name__
        """,
    ),
    "prepared by a method before the test": Case(
        """
        class Site:
            pages = None
            def get(self, name):
                self._prepare(name)
                if self.pages is None:
                    self.pages = self.found
                return self.pages
            def _prepare(self, name):
                self.found = work() if name == "a" else 3
        SITE = Site()
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.SITE.get("a")
        def test_reads(): assert m.SITE.get("b")
        def test_far(): assert m.__name__
        """,
    ),
    "early return, then work far below": Case(
        """
        CACHE = {}
        def get(key):
            found = CACHE.get(key)
            if found is not None:
                return found
            parts = []
            for part in "ab":
                parts.append(part)
            result = work(parts)
            if not result:
                raise ValueError(key)
            CACHE[key] = result
            return result
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.get("a")
        def test_reads(): assert m.get("a")
        def test_far(): assert m.__name__
        """,
    ),
    "completed after it was stored": Case(
        """
        class Row: pass
        ROWS = {}
        def row(key):
            if key not in ROWS:
                made = ROWS[key] = Row()
                fill(made)
            return ROWS[key]
        def fill(made):
            made.size = work()
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.row("a").size
        def test_reads(): assert m.row("a").size
        def test_far(): assert m.__name__
        """,
    ),
    "completed after the test for it": Case(
        """
        class Row: pass
        ROWS = {}
        def row(key):
            fresh = key not in ROWS
            if fresh:
                ROWS[key] = Row()
            found = ROWS[key]
            if fresh:
                found.size = work()
            return found
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.row("a").size
        def test_reads(): assert m.row("a").size
        def test_far(): assert m.__name__
        """,
    ),
    "try, else, finally": Case(
        """
        class Box:
            def get(self):
                try:
                    found = self._v
                except AttributeError:
                    found = None
                else:
                    return found
                finally:
                    pass
                self._v = work()
                return self._v
        BOX = Box()
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.BOX.get()
        def test_reads(): assert m.BOX.get()
        def test_far(): assert m.__name__
        """,
    ),
    "in a with statement that computes": Case(
        """
        import contextlib
        ROWS = {}
        @contextlib.contextmanager
        def opened():
            yield work()
        def get(key):
            with opened() as made:
                if key not in ROWS:
                    ROWS[key] = made if key == "a" else 5
            return ROWS["a"]
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.get("a")
        def test_reads(): assert m.ROWS["a"]
        def test_far(): assert m.__name__
        """,
    ),
    "a loop that fills as it goes": Case(
        """
        ROWS = {}
        def all_of(keys):
            out = []
            for key in keys:
                if key not in ROWS:
                    ROWS[key] = work(key)
                out.append(ROWS[key])
            return out
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.all_of("ab")
        def test_reads(): assert m.all_of("a")
        def test_far(): assert m.__name__
        """,
    ),
    "value made in one loop round, kept in another": Case(
        """
        ROWS = {}
        def all_of(keys):
            last = None
            for key in keys:
                if key not in ROWS:
                    ROWS[key] = last
                last = work(key)
            return ROWS
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.all_of("ab")["b"]
        def test_reads(): assert m.ROWS.get("b", 1)
        def test_far(): assert m.__name__
        """,
    ),
    "a decorated constructor": Case(
        """
        def singleton(cls):
            made = {}
            def get(*args):
                if cls not in made:
                    made[cls] = cls(*args)
                return made[cls]
            return get
        @singleton
        class One:
            def __init__(self):
                self.value = work()
        def work(*args):
            return 1
        """,
        """
        def test_first(): assert m.One().value
        def test_reads(): assert m.One().value
        def test_far(): assert m.__name__
        """,
    ),
}
