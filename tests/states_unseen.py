"""What is not seen: what an object held that dies, if it is handed on; and what one function tests, another fills."""

from __future__ import annotations

from states import Case

UNSEEN = {
    "a container that is handed on later": Case(
        """
        KEPT = []
        class Box:
            def __init__(self, rows=None): self.rows = {} if rows is None else rows
            def row(self, key):
                if key not in self.rows:
                    self.rows[key] = work(key)
                return self.rows[key]
        def work(key):
            return 1
        """,
        """
        def test_first():
            box = m.Box()
            assert box.row("a")
            m.KEPT.append(box.rows)
        def test_reads(): assert m.Box(m.KEPT[0] if m.KEPT else None).row("a")
        def test_far(): assert m.Box
        """,
    ),
    "an instance dict that is handed on later": Case(
        """
        KEPT = []
        class Box:
            def __init__(self, state=None):
                self.value = None
                if state is not None: self.__dict__ = state
            def get(self):
                if self.value is None:
                    self.value = work()
                return self.value
        def work():
            return 1
        """,
        """
        def test_first():
            box = m.Box()
            assert box.get()
            m.KEPT.append(vars(box))
        def test_reads(): assert m.Box(m.KEPT[0] if m.KEPT else None).get()
        def test_far(): assert m.Box
        """,
    ),
    "copies share what was filled": Case(
        """
        import copy
        KEPT = []
        class Box:
            def __init__(self): self.rows = {}
            def row(self, key):
                if key not in self.rows:
                    self.rows[key] = work(key)
                return self.rows[key]
        def work(key):
            return 1
        """,
        """
        def test_first():
            box = m.Box()
            assert box.row("a")
            m.KEPT.append(m.copy.copy(box))
        def test_reads(): assert (m.KEPT or [m.Box()])[0].row("a")
        def test_far(): assert m.Box
        """,
    ),
    "an instance dict of a copy": Case(
        """
        import copy
        KEPT = []
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
        def test_first():
            box = m.Box()
            assert box.get()
            m.KEPT.append(m.copy.copy(box))
        def test_reads(): assert (m.KEPT or [m.Box()])[0].get()
        def test_far(): assert m.Box
        """,
    ),
}

SPLIT = {
    "a method that another one calls when there is nothing yet": Case(
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
        """
        def test_first(): assert m.KEPT.get()
        def test_reads(): assert m.KEPT.get()
        def test_far(): assert m.Site
        """,
    ),
    "what the caller of the function that stores computed": Case(
        """
        ROWS = {}
        def get(key):
            if key not in ROWS:
                remember(key, work())
            return ROWS[key]
        def remember(key, value):
            ROWS[key] = value
        def work():
            return 1
        """,
        """
        def test_first(): assert m.get("a")
        def test_reads(): assert m.get("a")
        def test_far(): assert m.ROWS is not None
        """,
    ),
}
