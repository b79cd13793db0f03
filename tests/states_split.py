"""State that one function finds missing and another one fills."""

from __future__ import annotations

from states import Case

_READERS = """
def test_first(): assert m.KEPT.get()
def test_reads(): assert m.KEPT.get()
def test_far(): assert m.__name__
"""

SPLIT = {
    "a method that fills what another one misses": Case(
        """
        class Site:
            rows = None
            def get(self):
                if self.rows is None:
                    self._load()
                return self.rows
            def _load(self):
                self.rows = work()
        KEPT = Site()
        def work():
            return 1
        """,
        _READERS,
    ),
    "a method two calls away": Case(
        """
        class Site:
            rows = None
            def get(self):
                if not self.rows:
                    self._load()
                return self.rows
            def _load(self): self._fill()
            def _fill(self):
                self.rows = work()
        KEPT = Site()
        def work():
            return 1
        """,
        _READERS,
    ),
    "a method called unless there is something": Case(
        """
        class Site:
            rows = None
            def get(self):
                if self.rows:
                    return self.rows
                self._load()
                return self.rows
            def _load(self):
                self.rows = work()
        KEPT = Site()
        def work():
            return 1
        """,
        _READERS,
    ),
    "an attribute that is missing": Case(
        """
        class Site:
            def get(self):
                if not hasattr(self, "rows"):
                    self._load()
                return self.rows
            def _load(self):
                self.rows = work()
        KEPT = Site()
        def work():
            return 1
        """,
        _READERS,
    ),
    "an attribute that raises": Case(
        """
        class Site:
            def get(self):
                try:
                    return self.rows
                except AttributeError:
                    self._load()
                return self.rows
            def _load(self):
                self.rows = work()
        KEPT = Site()
        def work():
            return 1
        """,
        _READERS,
    ),
    "a flag": Case(
        """
        class Site:
            rows, ready = 0, False
            def get(self):
                if not self.ready:
                    self._load()
                return self.rows
            def _load(self):
                self.rows = work()
                self.ready = True
        KEPT = Site()
        def work():
            return 1
        """,
        _READERS,
    ),
    "a predicate": Case(
        """
        class Site:
            rows, ready = 0, False
            def is_loaded(self):
                return self.ready
            def get(self):
                if not self.is_loaded():
                    self._load()
                return self.rows
            def _load(self):
                self.rows = work()
                self.ready = True
        KEPT = Site()
        def work():
            return 1
        """,
        _READERS,
    ),
    "a property for a private attribute": Case(
        """
        class Site:
            _rows = None
            @property
            def rows(self):
                return self._rows
            def get(self):
                if self.rows is None:
                    self._load()
                return self.rows
            def _load(self):
                self._rows = work()
        KEPT = Site()
        def work():
            return 1
        """,
        _READERS,
    ),
    "a table that is registered": Case(
        """
        ROWS = {}
        class KEPT:
            @staticmethod
            def get():
                if "a" not in ROWS:
                    register()
                return ROWS["a"]
        def register():
            ROWS["a"] = work()
        def work():
            return 1
        """,
        _READERS,
    ),
    "a table whose size is asked for": Case(
        """
        ROWS = []
        class KEPT:
            @staticmethod
            def get():
                while len(ROWS) == 0 or not len(ROWS):
                    register()
                return ROWS[0]
        def register():
            ROWS.append(work())
        def work():
            return 1
        """,
        _READERS,
    ),
    "a global": Case(
        """
        ROWS = None
        class KEPT:
            @staticmethod
            def get():
                if ROWS is None:
                    load()
                return ROWS
        def load():
            global ROWS
            ROWS = work()
        def work():
            return 1
        """,
        _READERS,
    ),
    "by a match": Case(
        """
        ROWS = None
        class KEPT:
            @staticmethod
            def get():
                match ROWS:
                    case None:
                        load()
                return ROWS
        def load():
            global ROWS
            ROWS = work()
        def work():
            return 1
        """,
        _READERS,
    ),
    "the class, as a singleton": Case(
        """
        class KEPT:
            one = None
            @classmethod
            def get(cls):
                return cls.one or cls.make()
            @classmethod
            def make(cls):
                cls.one = work()
                return cls.one
        def work():
            return 1
        """,
        _READERS,
    ),
    "what the caller of the function that stores computed": Case(
        """
        ROWS = {}
        class KEPT:
            @staticmethod
            def get():
                if "a" not in ROWS:
                    remember("a", work())
                return ROWS["a"]
        def remember(key, value):
            ROWS[key] = value
        def work():
            return 1
        """,
        _READERS,
    ),
    "a table that is asked and filled by methods": Case(
        """
        class Table:
            def __init__(self): self._rows = {}
            def get(self, key): return self._rows.get(key)
            def put(self, key, row): self._rows[key] = row
        TABLE = Table()
        class KEPT:
            @staticmethod
            def get():
                row = TABLE.get("a")
                if row is None:
                    row = work()
                    TABLE.put("a", row)
                return row
        def work():
            return 1
        """,
        _READERS,
    ),
    "a table that hands on what it is given": Case(
        """
        class Table:
            def __init__(self): self._rows = {}
            def __contains__(self, key): return key in self._rows
            def find(self, key): return self._rows.get(key)
            def put(self, key, row): self._store({key: row})
            def _store(self, rows): self._rows.update(rows)
        TABLE = Table()
        class KEPT:
            @staticmethod
            def get():
                if (row := TABLE.find("a")) is None:
                    row = work()
                    TABLE.put("a", row)
                return row
        def work():
            return 1
        """,
        _READERS,
    ),
    "a global that is given its value": Case(
        """
        ROW = None
        class KEPT:
            @staticmethod
            def get():
                if ROW is None:
                    put(work())
                return ROW
        def put(row):
            global ROW
            ROW = row
        def work():
            return 1
        """,
        _READERS,
    ),
    "two tables, one for each direction": Case(
        """
        ROWS, KEYS = {}, {}
        class KEPT:
            @staticmethod
            def get():
                if "a" not in ROWS:
                    remember("a", work())
                return ROWS["a"]
        def remember(key, value):
            ROWS[key] = value
            KEYS[value] = key
        def work():
            return 1
        """,
        _READERS,
    ),
    "an object that is marked and put into a table": Case(
        """
        ROWS = {}
        class Row:
            def __init__(self, value): self.value = value
        class KEPT:
            @staticmethod
            def get():
                if "a" not in ROWS:
                    remember("a", Row(work()))
                return ROWS["a"].value
        def remember(key, row):
            row.key = key
            ROWS[key] = row
        def work():
            return 1
        """,
        _READERS,
    ),
    "a table that hands on and remembers that it is filled": Case(
        """
        class Table:
            filled = False
            def __init__(self): self._rows = {}
            def get(self, key): return self._rows.get(key) if self.filled else None
            def put(self, key, row):
                self._store(key, row)
                self.filled = True
            def _store(self, key, row): self._rows[key] = row
        TABLE = Table()
        class KEPT:
            @staticmethod
            def get():
                row = TABLE.get("a")
                if row is None:
                    row = work()
                    TABLE.put("a", row)
                return row
        def work():
            return 1
        """,
        _READERS,
    ),
    "a function that is asked and, with a value, fills": Case(
        """
        ROWS = {}
        class KEPT:
            @staticmethod
            def get():
                row = entry("a")
                if row is None:
                    row = entry("a", work())
                return row
        def entry(key, value=None):
            if value is not None:
                ROWS[key] = value
            return ROWS.get(key)
        def work():
            return 1
        """,
        _READERS,
    ),
}
