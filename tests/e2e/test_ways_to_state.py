"""State is found wherever an object keeps it, and by whatever leads there."""

from __future__ import annotations

import pytest
from harness import Project

ONE = "class One: pass\n"
WAYS = {
    "the dict of an object": (
        f"{ONE}def make():\n    one = One()\n    one.x = 0\n    def put(x): one.x = x\n    return vars(one), put\n"
        "HELD, put = make()\n",
        "shop.put({0})",
        "shop.HELD['x'] == 1",
    ),
    "what a proxy stands for": (
        f"import wrapt\n{ONE}HELD = wrapt.ObjectProxy(One())\nHELD.x = 0\n",
        "shop.HELD.x = {0}",
        "shop.HELD.x == 1",
    ),
    "the object of a method": (
        "class Counter:\n    n = 0\n    def put(self, n): self.n = n\nHELD = [Counter().put]\n",
        "shop.HELD[0]({0})",
        "shop.HELD[0].__self__.n == 1",
    ),
    "the list of a function in C": ("put = [[].append]\n", "shop.put[0]({0})", "shop.put[0].__self__ == [1]"),
    "a list in a named tuple": (
        "from typing import NamedTuple\nclass Row(NamedTuple):\n    items: list\nHELD = Row([])\n",
        "shop.HELD.items.append({0})",
        "shop.HELD.items == [1]",
    ),
    "an attribute of a tuple": (
        "class Row(tuple): pass\nHELD = Row()\nHELD.x = 0\n",
        "shop.HELD.x = {0}",
        "shop.HELD.x == 1",
    ),
    "an element of a list": ("HELD = [[0, 0], [0]]\n", "shop.HELD[0][1] = {0}", "shop.HELD[0][1] == 1"),
    "a set that was empty": ("HELD = set()\n", "shop.HELD.add({0})", "shop.HELD == {1}"),
}


@pytest.mark.parametrize("way", WAYS)
def test_who_comes_upon_it_rests_on_it(project: Project, way: str) -> None:
    """Another value, and the test behind it runs, and fails as without a cache."""
    shop, sets, asks = WAYS[way]
    project.write("shop.py", shop)
    project.write("test_a.py", f"import shop\ndef test_a(): {sets.format(1)}\n")
    project.write("test_b.py", f"import shop\ndef test_b(): assert {asks}\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.write("test_a.py", f"import shop\ndef test_a(): {sets.format(2)}\n")
    run = project.run()
    assert run.executed == {"test_a.py::test_a", "test_b.py::test_b"}
    assert run.exit == 1
