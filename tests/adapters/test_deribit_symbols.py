"""Deribit names: what they say, and what is refused."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.adapters.symbols.deribit import (
    DeribitFuture,
    DeribitOption,
    DeribitPerpetual,
    DeribitSymbol,
    parse_deribit,
    print_deribit,
)
from flatbook.model.errors import InvalidValueError
from flatbook.model.instruments import Right

SAMPLES: list[tuple[str, DeribitSymbol]] = [
    (
        "BTC-24APR26-88000-C",
        DeribitOption(base="BTC", expiry=date(2026, 4, 24), strike=Decimal(88000), right=Right.CALL),
    ),
    (
        "ETH-7FEB26-2000-P",
        DeribitOption(base="ETH", expiry=date(2026, 2, 7), strike=Decimal(2000), right=Right.PUT),
    ),
    (
        "XRP_USDC-30JUN23-0d4215-C",
        DeribitOption(base="XRP_USDC", expiry=date(2023, 6, 30), strike=Decimal("0.4215"), right=Right.CALL),
    ),
    ("BTC-27MAR26", DeribitFuture(base="BTC", expiry=date(2026, 3, 27))),
    ("BTC-PERPETUAL", DeribitPerpetual(base="BTC")),
]
bases = st.from_regex(r"[A-Z]{1,5}(_[A-Z]{1,5})?", fullmatch=True)
days = st.dates(date(2000, 1, 1), date(2099, 12, 31))
strikes = st.decimals(min_value="0.0001", max_value="999999", places=4, allow_nan=False)
names = st.one_of(
    st.builds(DeribitPerpetual, base=bases),
    st.builds(DeribitFuture, base=bases, expiry=days),
    st.builds(DeribitOption, base=bases, expiry=days, strike=strikes, right=st.sampled_from(Right)),
)


@pytest.mark.parametrize(("text", "parts"), SAMPLES)
def test_names_that_deribit_writes(text: str, parts: DeribitSymbol) -> None:
    assert parts == parse_deribit(text)
    assert text == print_deribit(parts)


@given(names)
@settings(max_examples=60)
def test_what_is_printed_parses_back(parts: DeribitSymbol) -> None:
    assert parts == parse_deribit(print_deribit(parts))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "BTC",
        "BTC-31FEB26-70000-C",
        "BTC-07FEB26-70000-C",  # Deribit writes no leading zero
        "BTC-7FEB26-70000-X",
        "BTC-7FEB26-0-C",
        "BTC-7FEB26-70000.5-C",
        "BTC-7FEB26-070000-C",
        "btc-7FEB26-70000-C",
        "BTC-7FEB2026-70000-C",
        "BTC-PERPETUAL-C",
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="expected a Deribit name such as"):
        parse_deribit(text)


@given(
    st.one_of(
        st.text(max_size=25),
        st.from_regex(r"[A-Z]{3}-\d{1,2}[A-Z]{3}\d\d-\d{1,6}(d\d+)?-[CP]", fullmatch=True),
    )
)
@settings(max_examples=100)
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        parts = parse_deribit(text)
    except InvalidValueError:
        return
    assert text == print_deribit(parts)
