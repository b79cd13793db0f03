from shop import vouchers


def test_an_issued_voucher_is_valid(voucher):
    assert vouchers.is_valid(voucher, "s3cret")


def test_a_forged_voucher_is_not(voucher):
    assert not vouchers.is_valid(voucher, "guess")
