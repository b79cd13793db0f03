"""`testcache ci`: what stands behind the recipes of docs/ci.md, so that their YAML stays short."""
