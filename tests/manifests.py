"""Manifests of any content, for tests by chance."""

from __future__ import annotations

from hypothesis import strategies as st

from testcache.model import ABSENT, Digest, Found, Input, Kind, Leftover, Manifest, NodeId, Read, Trace

TEXTS = st.text(st.characters(exclude_categories=[]), max_size=12)  # lone surrogates included
PLAIN = st.text(max_size=12)
DIGESTS = st.one_of(st.just(ABSENT), st.binary(min_size=16, max_size=16).map(Digest))
NAMES = st.one_of(TEXTS, st.sampled_from(["src/a.py", "src/a.py::f", "src/a.py::f.g", "src/b.py", "HOME"]))
READS = st.builds(Read, st.builds(Input, st.sampled_from(Kind), NAMES), DIGESTS)
FINITE = st.floats(allow_nan=False)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), FINITE, TEXTS, st.binary(max_size=8))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(PLAIN, inner, max_size=3)),
    max_leaves=6,
)
REPORTS = st.dictionaries(PLAIN, VALUES, max_size=4)
PLACES = TEXTS | st.sampled_from(["m.py::P!", "m.py::Q!"])
LEFT = st.builds(Leftover, PLACES, DIGESTS)
FOUND = st.builds(Found, TEXTS.map(NodeId), PLACES, DIGESTS)
PARTS = st.lists(st.frozensets(READS, max_size=4), max_size=4).map(tuple)
TRACES = st.builds(
    Trace,
    parts=PARTS,
    outcome=st.sampled_from(["passed", "skipped", "xfailed"]),
    reports=st.lists(REPORTS, max_size=3).map(tuple),
    duration_s=FINITE,
    recorded_at=st.sampled_from([0.0, 1.0, 2.5]),
    lines=st.binary(max_size=8),
    max_age_s=st.sampled_from([0.0, 3600.0]),
    labels=st.lists(TEXTS, max_size=2).map(tuple),
    left=st.frozensets(LEFT, max_size=3),
    found=st.frozensets(FOUND, max_size=3),
)
NODES = st.one_of(TEXTS, st.sampled_from(["t.py::a", "t.py::b", "t.py::b[1]"])).map(NodeId)
MANIFESTS = st.builds(
    Manifest,
    traces=st.dictionaries(NODES, st.lists(TRACES, max_size=4), max_size=4),
    failed=st.dictionaries(NODES, st.sampled_from([0.0, 1.0, 2.0, 3.0]), max_size=3),
)
