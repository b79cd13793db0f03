"""The statement about CVE-2025-69872 is well-formed, and the proof that it names is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_the_statement_names_its_proof() -> None:
    """Status, justification and product as OpenVEX wants them, and a test class that exists."""
    document = json.loads((REPOSITORY / "openvex.json").read_text(encoding="utf-8"))
    assert document["@context"] == "https://openvex.dev/ns/v0.2.0"
    assert {"@id", "author", "timestamp", "version"} <= document.keys()
    (statement,) = document["statements"]
    assert statement["vulnerability"]["name"] == "CVE-2025-69872"
    assert (statement["status"], statement["justification"]) == (
        "not_affected",
        "vulnerable_code_not_in_execute_path",
    )
    (product,) = statement["products"]
    assert product["@id"] == "pkg:pypi/testcache"
    assert product["subcomponents"] == [{"@id": "pkg:pypi/diskcache"}]
    found = re.search(r"Proof: (\S+?)::(\w+)\.", statement["impact_statement"])
    assert found is not None
    proof = (REPOSITORY / found[1]).read_text(encoding="utf-8")
    body = proof.partition(f"class {found[2]}:")[2].partition("\nclass ")[0]
    assert "test_a_pickled_value_is_not_executed" in body
    assert "test_a_pickled_key_is_not_executed" in body


def test_no_module_of_ours_can_unpickle() -> None:
    """Nothing in the package imports pickle, marshal or shelve."""
    pattern = re.compile(r"^\s*(?:import|from)\s+(?:pickle|_pickle|marshal|shelve|dill|cloudpickle)\b", re.MULTILINE)
    guilty = [
        str(file.relative_to(REPOSITORY))
        for file in (REPOSITORY / "testcache").rglob("*.py")
        if pattern.search(file.read_text(encoding="utf-8"))
    ]
    assert guilty == []


def test_the_threat_model_names_tests_that_exist() -> None:
    """Each file that SECURITY.md calls a proof is there."""
    text = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[\w/]+\.py)", text))
    assert named
    assert [name for name in sorted(named) if not (REPOSITORY / name).is_file()] == []
