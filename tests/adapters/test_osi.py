"""OCC symbols: what they say, and what is refused."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.adapters.symbols.osi import OsiSymbol, compact_osi, parse_osi, print_osi, print_osi_padded
from flatbook.model.errors import InvalidValueError
from flatbook.model.instruments import Right

SPXW = OsiSymbol(root="SPXW", expiry=date(2019, 6, 21), right=Right.CALL, strike_thousandths=2_900_000)

symbols = st.builds(
    OsiSymbol,
    root=st.from_regex(r"[A-Z][A-Z0-9]{0,5}", fullmatch=True),
    expiry=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    right=st.sampled_from(Right),
    strike_thousandths=st.integers(1, 10**8 - 1),
)


@pytest.mark.parametrize("text", ["SPXW190621C02900000", "SPXW  190621C02900000"])
def test_both_forms_say_the_same(text: str) -> None:
    assert parse_osi(text) == SPXW


def test_a_symbol_prints_in_both_forms() -> None:
    assert print_osi(SPXW) == "SPXW190621C02900000"
    assert print_osi_padded(SPXW) == "SPXW  190621C02900000"
    assert SPXW.strike == 2900.0


def test_an_adjusted_root_ends_in_a_digit() -> None:
    """Seven digits in a row after the root: the last fifteen characters are the contract."""
    parts = parse_osi("AAPL1140719P00095500")

    assert ("AAPL1", date(2014, 7, 19), Right.PUT, 95.5) == (
        parts.root,
        parts.expiry,
        parts.right,
        parts.strike,
    )


@given(symbols)
@settings(max_examples=60)
def test_what_is_printed_parses_back(parts: OsiSymbol) -> None:
    assert parts == parse_osi(print_osi(parts)) == parse_osi(print_osi_padded(parts))
    assert print_osi(parts) == compact_osi(print_osi_padded(parts)) == compact_osi(print_osi(parts))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SPXW",
        "spxw190621C02900000",
        "SPXW190631C02900000",  # 31 June
        "SPXW191321C02900000",  # month 13
        "SPXW190621X02900000",
        "SPXW190621C2900000",  # seven digits of strike
        "SPXW190621C00000000",  # strike 0
        "SPXW 190621C02900000",  # padded to 20
        "SPXW190621C02900000 ",
        "TOOLONG190621C02900000",
        "SPXW190621C0290000٣",
    ],
)
def test_what_is_no_symbol_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="expected"):
        parse_osi(text)


def test_a_date_that_does_not_exist_is_told() -> None:
    with pytest.raises(InvalidValueError, match="date 190631 does not exist; expected an OCC symbol"):
        parse_osi("SPXW190631C02900000")


@given(st.one_of(st.text(max_size=25), st.from_regex(r"[A-Z]{1,6} {0,6}\d{6}[CP]\d{8}", fullmatch=True)))
@settings(max_examples=100)
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        parts = parse_osi(text)
    except InvalidValueError:
        return
    assert text in {print_osi(parts), print_osi_padded(parts)}


def test_other_names_are_not_compacted() -> None:
    assert compact_osi("BTC-27MAR26") == "BTC-27MAR26"
    assert compact_osi("SPXW  no") == "SPXW  no"
