"""The identity of an object as a number, at a third of the price of `id` while something is recorded.

`id` raises an audit event, and for each event the interpreter calls the hooks of the process, ours among
them: 150 ns instead of 20. What objects inherit as their hash is made of their address too, for 40 ns.
Attributes such as `f_code` raise one as well: pass the code object along with the frame.
"""

from __future__ import annotations

from collections.abc import Callable

identity: Callable[[object], int] = object.__hash__
"""Like `id`: no two objects that are alive at the same time share it."""
