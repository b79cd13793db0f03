"""State that looks like it outlives a test, and does not."""

from __future__ import annotations

from states import Case

KEPT_APART = {
    "an object of each test with a cache": Case(
        """
        class Parser:
            def __init__(self):
                self.cache = {}
                self.rules = None
            def parse(self, text):
                if self.rules is None:
                    self.rules = [special] if text == "s" else [ordinary]
                if text not in self.cache:
                    self.cache[text] = self.rules[0](text)
                return self.cache[text]
        def special(text):
            return 1
        def ordinary(text):
            return text
        """,
        """
        def test_reads_first(): assert m.Parser().parse("s")
        def test_far_second(): assert m.Parser().parse("o")
        def test_far_third(): assert m.Parser().cache == {}
        """,
    ),
    "an object of each test in a cycle": Case(
        """
        class Node:
            def __init__(self):
                self.me = self
                self._size = None
            def size(self, text):
                if self._size is None:
                    self._size = special() if text == "s" else 7
                return self._size
        def special():
            return 1
        """,
        """
        def test_reads_first(): assert m.Node().size("s")
        def test_far_second(): assert m.Node().size("o")
        """,
    ),
    "a parser that counts where it stands": Case(
        """
        class State:
            def __init__(self, text):
                self.text, self.pos, self.level = text, 0, 0
        def run(state):
            while state.pos < len(state.text):
                rule = bold if state.text[state.pos] == "*" else plain
                rule(state)
            return state.level
        def bold(state):
            if state.pos + 1 > len(state.text):
                state.pos = len(state.text)
            state.level = 1
            state.pos += work()
        def plain(state):
            if state.text[state.pos] == " ":
                state.pos += 1
            state.pos = state.pos + 1
        def work():
            return 1
        """,
        """
        def test_reads_first(): assert m.run(m.State("a*"))
        def test_far_second(): assert m.run(m.State("a b")) == 0
        """,
    ),
}
