"""What all tests share."""

import pytest

from shop import catalog, vouchers


@pytest.fixture(scope="session")
def articles():
    """The catalog, read once."""
    return catalog.load()


@pytest.fixture(scope="session")
def voucher():
    """A voucher, issued once: that takes a while."""
    return vouchers.issue("SPRING", "s3cret")
