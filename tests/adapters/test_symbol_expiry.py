"""The date in a symbol of any dialect."""

from datetime import date

import pytest

from flatbook.adapters.symbols.expiry import expiry_date


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("SPXW190621C02900000", date(2019, 6, 21)),
        ("BTC-24APR26-88000-C", date(2026, 4, 24)),
        ("BTC-27MAR26", date(2026, 3, 27)),
        ("BTC-PERPETUAL", None),
        ("ESM19", None),
        ("", None),
    ],
)
def test_a_symbol_names_its_expiry_date_or_none(symbol, expected):
    """OSI, Deribit, neither."""
    assert expiry_date(symbol) == expected
