"""Write docs/reasons.md and docs/settings.md from the tables in the code; a test keeps them current."""

from __future__ import annotations

from pathlib import Path

from testcache.reference import reasons_page, settings_page

docs = Path(__file__).parent.parent / "docs"
(docs / "reasons.md").write_text(reasons_page(), encoding="utf-8")
(docs / "settings.md").write_text(settings_page(), encoding="utf-8")
