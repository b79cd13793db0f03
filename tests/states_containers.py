"""State that outlives a test in containers: closures, defaults, tables, threads."""

from __future__ import annotations

from states import Case

CONTAINERS = {
    "a cache in a closure": Case(
        """
        def make():
            found = {}
            def get(key):
                if key not in found:
                    found[key] = work(key)
                return found[key]
            return get
        GET = make()
        def work(key):
            return 1
        """,
        """
        def test_first(): assert m.GET("a")
        def test_reads(): assert m.GET("a")
        def test_far(): assert m.__name__
        """,
    ),
    "a nonlocal value in a closure": Case(
        """
        def make():
            value = None
            def get():
                nonlocal value
                if value is None:
                    value = work()
                return value
            return get
        GET = make()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.GET()
        def test_reads(): assert m.GET()
        def test_far(): assert m.__name__
        """,
    ),
    "a cache in a default argument": Case(
        """
        def row(key, kept={}):
            if key in kept:
                return kept[key]
            kept[key] = work(key)
            return kept[key]
        def work(key):
            return 1
        """,
        """
        def test_first(): assert m.row("a")
        def test_reads(): assert m.row("a")
        def test_far(): assert m.__name__
        """,
    ),
    "a dict that makes what is missing": Case(
        """
        class Rows(dict):
            def __missing__(self, key):
                self[key] = found = work(key)
                return found
        ROWS = Rows()
        def work(key):
            return 1
        """,
        """
        def test_first(): assert m.ROWS["a"]
        def test_reads(): assert m.ROWS["a"]
        """,
    ),
    "a generator that is kept": Case(
        """
        class Rows:
            def __init__(self):
                self.source = produce()
                self.seen = []
            def __getitem__(self, index):
                while len(self.seen) <= index:
                    self.seen.append(next(self.source))
                return self.seen[index]
        def produce():
            while True:
                yield work()
        ROWS = Rows()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.ROWS[0]
        def test_reads(): assert m.ROWS[0]
        def test_far(): assert m.__name__
        """,
    ),
    "a generator that keeps its own results": Case(
        """
        SEEN = []
        def rows():
            yield from SEEN
            if not SEEN:
                SEEN.append(work())
                yield SEEN[-1]
        def work():
            return 1
        """,
        """
        def test_first(): assert next(m.rows())
        def test_reads(): assert next(m.rows())
        def test_far(): assert m.__name__
        """,
    ),
    "a value of the thread": Case(
        """
        import threading
        LOCAL = threading.local()
        def get():
            try:
                return LOCAL.value
            except AttributeError:
                LOCAL.value = work()
            return LOCAL.value
        def work():
            return 1
        """,
        """
        def test_first(): assert m.get()
        def test_reads(): assert m.get()
        def test_reads_it_plainly(): assert m.LOCAL.value
        def test_far(): assert m.__name__
        """,
    ),
    "a subclass of a value of the thread": Case(
        """
        import threading
        class Local(threading.local):
            rows = None
            def get(self):
                if self.rows is None:
                    self.rows = work()
                return self.rows
        LOCAL = Local()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.LOCAL.get()
        def test_reads(): assert m.LOCAL.rows
        def test_far(): assert m.__name__
        """,
    ),
    "a context variable": Case(
        """
        import contextvars
        class Box:
            rows = None
        VAR = contextvars.ContextVar("VAR", default=Box())
        def get():
            box = VAR.get()
            if box.rows is None:
                box.rows = work()
            return box.rows
        def work():
            return 1
        """,
        """
        def test_first(): assert m.get()
        def test_reads(): assert m.get()
        def test_far(): assert m.__name__
        """,
    ),
    "a table of weak references": Case(
        """
        import weakref
        class Row:
            def __init__(self, value):
                self.value = value
        ROWS = weakref.WeakValueDictionary()
        KEPT = []
        def row(key):
            found = ROWS.get(key)
            if found is None:
                found = ROWS[key] = Row(work(key))
                KEPT.append(found)
            return found
        def work(key):
            return 1
        """,
        """
        def test_first(): assert m.row("a").value
        def test_reads(): assert m.row("a").value
        def test_far(): assert m.__name__
        """,
    ),
    "a table by object, with weak keys": Case(
        """
        import weakref
        class Key: pass
        KEY = Key()
        SIZES = weakref.WeakKeyDictionary()
        def size(key):
            try:
                return SIZES[key]
            except KeyError:
                SIZES[key] = found = work(key)
                return found
        def work(key):
            return 1
        """,
        """
        def test_first(): assert m.size(m.KEY)
        def test_reads(): assert m.size(m.KEY)
        def test_far(): assert m.__name__
        """,
    ),
    "an object behind two others": Case(
        """
        class Link:
            _link = None
            def open(self):
                if self._link is None:
                    self._link = work()
                return self._link
        class Store:
            def __init__(self): self.link = Link()
        class App:
            def __init__(self): self.store = Store()
            def ask(self): return self.store.link.open()
        APP = App()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.APP.ask()
        def test_reads(): assert m.APP.ask()
        def test_reads_it_plainly(): assert m.APP.store.link._link
        def test_far(): assert m.__name__
        """,
    ),
    "an object in a list of all objects": Case(
        """
        ALL = []
        class Plugin:
            def __init__(self, name):
                self.name, self._rows = name, None
                ALL.append(self)
            def rows(self):
                if self._rows is None:
                    self._rows = work()
                return self._rows
        def work():
            return 1
        """,
        """
        def test_first():
            assert m.Plugin("a").rows()
        def test_reads(): assert [p.rows() for p in m.ALL if p.name == "a"] == [1] or m.Plugin("a").rows()
        def test_far(): assert m.__name__
        """,
    ),
    "made in one test, filled in the next, read in the third": Case(
        """
        KEPT = {}
        class Box:
            def __init__(self): self._rows = None
            def rows(self):
                if not self._rows:
                    self._rows = work()
                return self._rows
        def work():
            return 1
        """,
        """
        def test_before(): m.KEPT["box"] = m.Box()
        def test_first(): assert (m.KEPT.get("box") or m.Box()).rows()
        def test_reads(): assert (m.KEPT.get("box") or m.Box()).rows()
        """,
    ),
    "filled, and only then put where it lives on": Case(
        """
        KEPT = {}
        class Box:
            def __init__(self): self._rows = {}
            def row(self, key):
                if key not in self._rows:
                    self._rows[key] = work(key)
                return self._rows[key]
        def work(key):
            return 1
        """,
        """
        def test_first():
            box = m.Box()
            assert box.row("a")
            m.KEPT["box"] = box
        def test_reads(): assert (m.KEPT.get("box") or m.Box()).row("a")
        """,
    ),
}
