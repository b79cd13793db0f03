"""Functions that do nothing but answer: told from those that may change something."""

from __future__ import annotations

import pytest

from testcache.code.answers import only_answers
from testcache.code.source import parse

FILE = """
import os
import re
import sys
from pathlib import Path
from shop import prices
MARK = re.compile(r"_py(\\d)")
ENDING = "_slow.py"
SEEN = []
TABLE = {}
class Box:
    def get(self, name): SEEN.append(name)
BOX = Box()
if sys.argv: any = print
def helper(path): return SEEN.append(path)
def hook(collection_path, config):
"""
HARMLESS = (
    "'What it is for.'\n return None",
    "found = MARK.search(collection_path.name)\n return bool(found) and int(found.group(1)) != sys.version_info[0]",
    "if collection_path.name.endswith(ENDING): return not config.getoption('--slow')",
    "for part in collection_path.parts:\n  if part in ('a', 'b'): return True\n return False",
    "return os.environ.get('SLOW') is None and len([one for one in collection_path.parts if one]) > 2",
    "name: str = os.path.basename(str(collection_path))\n return name not in {'x.py'} or f'{name}!' == 'y!'",
    "return Path(str(collection_path)).is_file() and isinstance(config.getini('slow'), bool)",
    "return TABLE.get(collection_path.name, False)",
)
HARMFUL = (
    "SEEN.append(collection_path)",
    "helper(collection_path)",
    "prices.get(collection_path)",
    "return prices",
    "BOX.get(1)",
    "return any(collection_path)",
    "os.environ['A'] = 'b'",
    "config.shop = 1",
    "TABLE[collection_path] = 1",
    "global ENDING\n ENDING = 'x'",
    "names = SEEN\n names += [1]",
    "collection_path.replace('x')",
    "os.system('true')",
    "import shop",
    "with open('x') as file: return True",
    "(lambda: SEEN.append(1))()",
    "del TABLE['a']",
    "return [*SEEN]",
    "return sorted(TABLE)",
    "yield",
    "return (x := 1)",
    "try: return 1\n finally: pass",
    "str = helper\n return str(1)",
    "def len(x): return SEEN.append(x)\n return len(1)",
    "return undefined.get(1)",
    "raise ValueError",
    "print(1)",
    "return config.option.slow",
    "return config.shop.get(1)",
    "return config.shop",
    "return getattr(config, 'shop')",
    "find = collection_path.name.find\n return find('a')",
)


def judged(body: str, head: str = FILE) -> bool:
    """Whether the hook with this body only answers."""
    data = f"{head} {body}\n".encode()
    return only_answers(data, "hook", parse(data, collected=True).definitions)


@pytest.mark.parametrize("body", HARMLESS)
def test_what_only_answers(body: str) -> None:
    """It asks what pytest and the standard library have made, and constants."""
    assert judged(body)


@pytest.mark.parametrize("body", HARMFUL)
def test_what_may_do_more(body: str) -> None:
    """It changes something, or calls what may, or uses what nobody knows."""
    assert not judged(body)


@pytest.mark.parametrize(
    "head",
    [
        FILE + " return 1\ndef hook(collection_path):\n",
        FILE.replace("def hook", "@decorated\ndef hook"),
        FILE.replace("def hook(collection_path, config)", "def hook(collection_path, config=[])"),
        FILE.replace("def hook", "async def hook"),
        FILE.replace("import os\n", "from os import *\n"),
        FILE.replace("def hook", "class X:\n def hook"),
    ],
)
def test_functions_of_another_kind(head: str) -> None:
    """One that is there twice, decorated, with a default, asynchronous, or in a class; and a file that is not known."""
    assert not judged("return None" if "class X" not in head else " return None", head)
