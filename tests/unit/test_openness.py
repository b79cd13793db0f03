"""Classes that derive from those of other files: whom an edit of one concerns."""

from __future__ import annotations

import pytest
from reached import matter

BASE = "class Field:\n    size = 1\n"
TEXT = "class Text(Field):\n    width = 1\n"
USE = "import shop.fields\ndef made(): return shop.fields.Text()\ndef other(): return 1\n"
FILES = {
    "shop/__init__.py": "",
    "shop/base.py": BASE,
    "shop/fields.py": f"from .base import Field\n{TEXT}",
    "use.py": USE,
}


def concerned(block: str, files: dict[str, str], name: str, old: str, new: str) -> set[str] | None:
    """What matters to a trace that ran one function, when a file is edited; None if the file as a whole does."""
    assert files[name].count(old) == 1
    return matter(files, files | {name: files[name].replace(old, new)}, f"use.py::{block}")


@pytest.mark.parametrize(
    ("base", "line", "name"),
    [
        ("shop/base.py", "from .base import Field", "Field"),
        ("shop/base.py", "from shop.base import Field", "Field"),
        ("src/shop/base.py", "from shop.base import Field", "Field"),
        ("shop/base/__init__.py", "from .base import Field", "Field"),
        ("base.py", "from base import Field", "Field"),
        ("base.py", "import base", "base.Field"),
        ("shop/base.py", "from .base import Field as Kind", "Kind"),
    ],
)
def test_an_edit_of_a_class_whose_base_is_open_concerns_who_mentions_it(base: str, line: str, name: str) -> None:
    """Wherever the base is, as long as it is one of the files of the trace."""
    files = {**FILES, "shop/fields.py": f"{line}\n{TEXT.replace('Field', name)}"}
    files[base] = files.pop("shop/base.py")
    assert concerned("other", files, "shop/fields.py", "width = 1", "width = 2") == set()
    assert concerned("made", files, "shop/fields.py", "width = 1", "width = 2") == {"Text"}
    assert concerned("other", files, base, "size = 1", "size = 2") == set()
    assert concerned("made", files, base, "size = 1", "size = 2") == {"Field"}


@pytest.mark.parametrize(
    "base",
    [
        "class Field:\n    size = 1\n    def __init_subclass__(cls): KNOWN.append(cls)\n",
        "class Field(Table):\n    size = 1\n",
        "from library import Field\n",
        "Field = make()\n",
        "class Field(metaclass=Meta):\n    size = 1\n",
        "import enum\nclass Field(enum.Enum):\n    def size(self): return 1\n",
        "if yes:\n    class Field: pass\nelse:\n    class Field: pass\n",
        "",
    ],
)
def test_a_class_whose_base_may_notice_it_concerns_everybody(base: str) -> None:
    """The base has a hook, a metaclass or a base that nobody knows; or nobody knows where it is."""
    files = {**FILES, "shop/base.py": base}
    assert concerned("other", files, "shop/fields.py", "width = 1", "width = 2") == {"Text"}
    without = {name: text for name, text in files.items() if name != "shop/base.py"}
    assert concerned("other", without, "shop/fields.py", "width = 1", "width = 2") == {"Text"}


def test_a_class_inside_another_one_assumes_for_both() -> None:
    """The class statement inside runs with the one around it."""
    fields = "from .base import Field\nclass Text:\n    class Inner(Field):\n        width = 1\n"
    files = {**FILES, "shop/fields.py": fields}
    assert concerned("other", files, "shop/fields.py", "width = 1", "width = 2") == set()
    hooked = files | {"shop/base.py": BASE + "    def __init_subclass__(cls): KNOWN.append(cls)\n"}
    assert concerned("other", hooked, "shop/fields.py", "width = 1", "width = 2") == {"Text"}


def test_what_such_a_class_mentions_concerns_everybody() -> None:
    """Its body is read by the hook of its base when the file is imported."""
    fields = (
        "from .base import Field\nfrom .rates import RATE\nclass Text(Field):\n    def width(self, rate=RATE): pass\n"
    )
    files = {**FILES, "shop/rates.py": "RATE = 1\n", "shop/fields.py": fields}
    assert concerned("other", files, "shop/rates.py", "RATE = 1", "RATE = 2") == set()
    hooked = files | {"shop/base.py": BASE + "    def __init_subclass__(cls): KNOWN.append(cls.width.__defaults__)\n"}
    assert concerned("other", hooked, "shop/rates.py", "RATE = 1", "RATE = 2") == {"RATE"}


@pytest.mark.parametrize("new", ["    def __init_subclass__(cls): pass\n    size = 1", "    size = make()"])
def test_a_base_that_ceases_to_be_open_concerns_everybody(new: str) -> None:
    """A hook appears, or the base is no definition any more."""
    for old, now in (("    size = 1", new), (new, "    size = 1")):
        before = {**FILES, "shop/base.py": f"class Field:\n{old}\n"}
        found = concerned("other", before, "shop/base.py", old, now)
        assert found in ({"Field"}, None)


def test_bases_are_followed_from_file_to_file() -> None:
    """Through other classes, and through the imports of packages."""
    files = {
        **FILES,
        "shop/__init__.py": "from .base import Field\n",
        "shop/middle.py": "from shop import Field\nclass Middle(Field): pass\n",
        "shop/fields.py": "from shop.middle import Middle\nclass Text(Middle):\n    width = 1\n",
    }
    assert concerned("other", files, "shop/fields.py", "width = 1", "width = 2") == set()
    closed = files | {"shop/base.py": "class Field(Table): pass\n"}
    assert concerned("other", closed, "shop/fields.py", "width = 1", "width = 2") == {"Text"}
    circle = files | {"shop/base.py": "from shop.fields import Text\nclass Field(Text): pass\n"}
    assert concerned("other", circle, "shop/fields.py", "width = 1", "width = 2") == {"Text"}


@pytest.mark.parametrize("more", ["lib/shop/base.py", "lib/shop/base/__init__.py"])
def test_a_base_that_may_be_another_is_not_open(more: str) -> None:
    """Two files may be what the import names."""
    files = {**FILES, more: BASE, "shop/fields.py": f"from shop.base import Field\n{TEXT}"}
    assert concerned("other", files, "shop/fields.py", "width = 1", "width = 2") == {"Text"}
    inner = {**FILES, "shop/fields.py": f"from base import Field\n{TEXT}"}  # a library's, not the package's own
    assert concerned("other", inner, "shop/fields.py", "width = 1", "width = 2") == {"Text"}


@pytest.mark.parametrize(
    "text",
    [
        "from dataclasses import dataclass\n@dataclass\nclass Text(Field):\n    width: int = 1\n",
        "class Text(Field, Other):\n    width = 1\n",
        "class Text(Field):\n    __slots__ = ('a',)\n    width = 1\n",
        "class Middle(Field): pass\nclass Text(Middle):\n    __slots__ = ('a',)\n    width = 1\n",
        "class Text(Field, metaclass=Meta):\n    width = 1\n",
    ],
)
def test_classes_that_rest_on_more_of_their_base_are_no_definitions(text: str) -> None:
    """Fields, layouts and orders of bases could make the class statement fail."""
    files = {**FILES, "shop/fields.py": f"from .base import Field\n{text}"}
    assert concerned("other", files, "shop/fields.py", " = 1", " = 2") is None


def test_a_module_that_a_package_hands_on_is_not_followed() -> None:
    """The package may have another thing of that name."""
    files = {**FILES, "shop/fields.py": f"from shop import base\n{TEXT.replace('Field', 'base.Field')}"}
    assert concerned("other", files, "shop/fields.py", "width = 1", "width = 2") is None
