"""State that outlives a test, in objects that are added to, shared, or out of the way for a while."""

from __future__ import annotations

from states import Case

MOVES = {
    "an element of a list that grows later": Case(
        """
        class Box: value = None
        REG = []
        def register(): REG.append(Box())
        def change(): REG[0].value = work()
        def look(): return [box.value for box in REG]
        def work():
            return 1
        """,
        """
        def test_first(): m.register(); m.change()
        def test_more(): m.register()
        def test_reads(): assert m.look()[0]
        """,
    ),
    "an object that came in by two ways, one of them gone": Case(
        """
        class Box: value = None
        REG = {}
        def share(): REG["a"] = REG["b"] = Box()
        def drop(): REG.pop("a", None)
        def change(): REG.setdefault("b", Box()).value = work()
        def look(): return REG["b"].value
        def work():
            return 1
        """,
        """
        def test_begin(): m.share()
        def test_drop(): m.drop()
        def test_first(): m.change()
        def test_reads(): assert m.look()
        """,
    ),
    "a table that others replace for a while": Case(
        """
        TABLE = {}
        def fill(): TABLE["a"] = work()
        def look(): return TABLE["a"]
        def work():
            return 1
        """,
        """
        import pytest
        def test_first(): m.fill()
        class TestPatched:
            @pytest.fixture(scope="class", autouse=True)
            def table(self):
                table, m.TABLE = m.TABLE, {}
                yield
                m.TABLE = table
            def test_inside(self): pass
        def test_reads(): assert m.look()
        """,
    ),
    "a key in place of another one": Case(
        """
        DONE = {"start": None}
        def step():
            DONE.pop("start", None)
            DONE["a" if work() == 1 else "b"] = None
        def look(): return list(DONE)
        def work():
            return 1
        """,
        """
        def test_first(): m.step()
        def test_reads(): assert m.look()
        """,
    ),
    "what moves from one list to the next": Case(
        """
        TODO, DONE = [None, None], []
        def step():
            if work(): DONE.append(TODO.pop())
        def look(): return len(DONE)
        def work():
            return 1
        """,
        """
        def test_first(): m.step()
        def test_reads(): assert m.look() < 5
        """,
        edit=("return 1", "return 0"),
    ),
    "one of two functions without a name": Case(
        """
        HOOK = None
        def choose():
            global HOOK
            HOOK = (lambda: 1) if work() == 1 else (lambda: 2)
        def look(): return HOOK()
        def work():
            return 1
        """,
        """
        def test_first(): m.choose()
        def test_reads(): assert m.look()
        """,
    ),
}
