"""Benchmarks: what testcache costs and saves, beside bare pytest and its peers; `make bench` runs them."""
