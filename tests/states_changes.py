"""State that outlives a test, filled through variables that change, or on one of several ways through a function."""

from __future__ import annotations

from states import Case

_READERS = """
        def test_first(): m.fill(); assert m.KEPT.x == 1
        def test_reads(): m.fill(); assert m.KEPT.x == 1
        def test_reads_the_attribute(): assert m.KEPT.x == 1
        def test_far(): assert m.__name__
"""
_THING = """
        class Thing:
            x = y = None
        KEPT = Thing()
        def work():
            return 1
"""

CHANGES = {
    "a variable that gets another value": Case(
        _THING
        + """
        def fill():
            thing = KEPT
            if thing.x is None:
                thing.x = work()
            thing = Thing()
            if thing.x is None:
                thing.x = 2
        """,
        _READERS,
    ),
    "a variable that a loop gives other values, and leaves": Case(
        _THING
        + """
        def fill():
            for number in range(3):
                thing = KEPT if number == 1 else Thing()
                if thing.x is None:
                    thing.x = work()
                thing = Thing()
                if number == 2:
                    break
        """,
        _READERS,
    ),
    "a parameter that gets another value": Case(
        _THING
        + """
        def fill(thing=None):
            thing = thing or KEPT
            if thing.x is None:
                thing.x = work()
            thing = thing.y
        """,
        _READERS,
    ),
    "a store inside a with": Case(
        _THING
        + """
        import threading
        LOCK = threading.Lock()
        def fill(thing=KEPT):
            if thing.y:
                return
            with LOCK:
                if thing.x is None:
                    thing.x = work()
        """,
        _READERS,
    ),
    "a store in a finally": Case(
        _THING
        + """
        def fill(thing=None):
            thing = thing or KEPT
            try:
                if thing.x is None:
                    return
            finally:
                if thing.x is None:
                    thing.x = work()
        """,
        _READERS,
    ),
    "a function that raises after it filled": Case(
        _THING
        + """
        def fill():
            try:
                fail(KEPT)
            except KeyError:
                pass
        def fail(thing):
            if thing.x is None:
                thing.x = work()
            raise KeyError
        """,
        _READERS,
    ),
    "an element of an element": Case(
        """
        class Site:
            def __init__(self):
                self.rows = {"pages": {}}
            def fill(self, key):
                if key not in self.rows["pages"]:
                    self.rows["pages"][key] = work()
        SITE = Site()
        def work():
            return 1
        """,
        """
        def test_first(): m.SITE.fill("a"); assert m.SITE.rows["pages"]["a"]
        def test_reads(): m.SITE.fill("a"); assert m.SITE.rows["pages"]["a"]
        def test_reads_the_element(): assert m.SITE.rows["pages"]["a"]
        def test_far(): assert m.__name__
        """,
    ),
    "an attribute of an element": Case(
        _THING
        + """
        THINGS = [Thing(), KEPT]
        def fill(things=None):
            things = things or THINGS
            if things[-1].x is None:
                things[-1].x = work()
        """,
        _READERS,
    ),
    "an attribute of an element of a tuple": Case(
        _THING
        + """
        THINGS = (Thing(), KEPT)
        def fill(things=None):
            things = things or THINGS
            if things[-1].x is None:
                things[-1].x = work()
        """,
        _READERS,
    ),
    "an attribute of an element that is taken away": Case(
        _THING
        + """
        def fill():
            things = [KEPT]
            while things:
                if things[0].x is None:
                    things[0].x = work()
                step(things)
        def step(things):
            things.pop()
        """,
        _READERS,
    ),
    "an element of an element that is taken away": Case(
        """
        ROWS = {}
        class Site:
            def __init__(self):
                self.tree = {"rows": ROWS}
            def fill(self):
                if "a" not in self.tree["rows"]:
                    self.tree["rows"]["a"] = work()
                del self.tree["rows"]
        KEPT = Site()
        def work():
            return 1
        """,
        """
        def test_first(): m.Site().fill(); assert m.KEPT.tree["rows"]["a"]
        def test_reads(): m.Site().fill(); assert m.KEPT.tree["rows"]["a"]
        def test_reads_the_element(): assert m.KEPT.tree["rows"]["a"]
        def test_far(): assert m.__name__
        """,
    ),
    "an element under a key like a mark of our own": Case(
        """
        ROWS = {"*": {}}
        def fill(rows=None):
            rows = rows or ROWS
            if "a" not in rows["*"]:
                rows["*"]["a"] = work()
        def work():
            return 1
        """,
        """
        def test_first(): m.fill(); assert m.ROWS["*"]["a"]
        def test_reads(): m.fill(); assert m.ROWS["*"]["a"]
        """,
    ),
    "a variable that is filled and replaced in one line": Case(
        _THING
        + """
        def fill():
            thing = KEPT
            if thing.x is None: thing.x = work(); thing = Thing()
        """,
        _READERS,
    ),
    "a slot that is filled and lost in one line": Case(
        """
        class Thing:
            __slots__ = ("x", "__weakref__")
        KEPT = Thing()
        def fill():
            thing = KEPT
            if not hasattr(thing, "x"): thing.x = work(); thing = Thing()
        def work():
            return 1
        """,
        _READERS,
    ),
    "what a function filled that is called before the first return": Case(
        _THING
        + """
        def fill(thing=None):
            thing = thing or KEPT
            load(thing)
            if thing.x:
                return
            thing.x = 2
        def load(thing):
            thing.x = work()
        """,
        _READERS,
    ),
    "an object with slots only": Case(
        """
        class Thing:
            __slots__ = ("x",)
            def __init__(self):
                self.x = None
        KEPT = Thing()
        def fill(thing=None):
            thing = thing or KEPT
            if thing.x is None:
                thing.x = work()
        def work():
            return 1
        """,
        _READERS,
    ),
    "an object with slots only, in a list of another one": Case(
        """
        class Thing:
            __slots__ = ("x", "parts")
            def __init__(self):
                self.x = None
                self.parts = []
        OUTER = Thing()
        KEPT = Thing()
        OUTER.parts.append(KEPT)
        def fill():
            for thing in OUTER.parts:
                if thing.x is None:
                    thing.x = work()
        def work():
            return 1
        """,
        _READERS,
    ),
    "what a function that is familiar by now fills": Case(
        _THING
        + """
        def fill(thing=KEPT):
            put(thing)
        def put(thing):
            if thing.x is None:
                thing.x = work()
        """,
        """
        import pytest
        @pytest.mark.parametrize("number", range(110))
        def test_before(number):
            thing = m.Thing()
            m.fill(thing)
            assert thing.x == 1
        """
        + _READERS,
    ),
    "what is made of a fill of a function that is familiar by now": Case(
        _THING
        + """
        def fill():
            thing = Thing()
            put(thing)
            keep(thing)
        def put(thing):
            if thing.x is None:
                thing.x = work()
        def keep(thing):
            if KEPT.x is None:
                KEPT.x = thing.x
        """,
        """
        import pytest
        @pytest.mark.parametrize("number", range(110))
        def test_before(number):
            thing = m.Thing()
            m.put(thing)
            assert thing.x == 1
        """
        + _READERS,
    ),
}
