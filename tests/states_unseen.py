"""What an object held that dies and was handed on, seen if somebody asks for it; and what is filled from elsewhere."""

from __future__ import annotations

from dataclasses import replace

from states import Case

HANDED_ON = {
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
        def test_far(): assert m.__name__
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
        def test_far(): assert m.__name__
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
        def test_far(): assert m.__name__
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
        def test_far(): assert m.__name__
        """,
    ),
}


def _unasked(case: Case) -> Case:
    """The same without asking whether there is anything: then nothing says that it is kept."""
    tests = case.tests.replace("m.KEPT[0] if m.KEPT else None", "*m.KEPT[:1]")
    tests = tests.replace("(m.KEPT or [m.Box()])[0]", "[*m.KEPT, m.Box()][0]")
    assert tests != case.tests
    return replace(case, tests=tests)


UNSEEN = {name: _unasked(case) for name, case in HANDED_ON.items()}

ELSEWHERE = {
    "an attribute that is set to what the caller computed": Case(
        """
        class Site:
            rows = None
            def get(self):
                if self.rows is None:
                    self.put(work())
                return self.rows
            def put(self, rows):
                self.rows = rows
        KEPT = Site()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.KEPT.get()
        def test_reads(): assert m.KEPT.get()
        def test_far(): assert m.__name__
        """,
    ),
    "what the tests find missing and the module fills": Case(
        """
        ROWS = None
        def load():
            global ROWS
            ROWS = work()
        def work():
            return 1
        """,
        """
        def test_first(): assert m.ROWS or m.load() or m.ROWS
        def test_reads(): assert m.ROWS or m.load() or m.ROWS
        def test_far(): assert m.__name__
        """,
    ),
}
