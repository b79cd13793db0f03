"""Structs: classes that are little more than typed fields. The one user of msgspec's Struct.

`class Point(Struct, frozen=True)` is what `@dataclass(frozen=True, slots=True)` would make, and takes 20 us where that
takes a millisecond: of sixty classes a run needs, it is started again and again. An instance is made and hashed in a
fifth and a third of the time. With `gc=False`, where no cycle can come about, looks for garbage pass it over.
"""

from __future__ import annotations

from msgspec import NODEFAULT, Struct, field
from msgspec.structs import asdict, fields, replace

__all__ = ["NODEFAULT", "Struct", "asdict", "field", "fields", "replace"]
