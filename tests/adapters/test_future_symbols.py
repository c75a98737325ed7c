"""Symbols of futures."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.adapters.symbols.futures import FutureSymbol, parse_future, print_future
from flatbook.model.errors import InvalidValueError

symbols = st.builds(
    FutureSymbol,
    root=st.from_regex(r"[A-Z0-9]{1,5}", fullmatch=True),
    year=st.integers(2000, 2099),
    month=st.integers(1, 12),
)


def test_month_letters_are_those_of_the_exchange() -> None:
    assert FutureSymbol(root="ES", year=2020, month=3) == parse_future("ESH20")
    assert FutureSymbol(root="6E", year=2020, month=12) == parse_future("6EZ20")


@given(symbols)
@settings(max_examples=60)
def test_what_is_printed_parses_back(parts: FutureSymbol) -> None:
    assert parts == parse_future(print_future(parts))


@pytest.mark.parametrize(
    "text", ["", "ES", "ESH0", "ESA20", "esH20", "H20", "ESH2020", "TOOLONGH20", "ESH2٠"]
)
def test_what_is_no_symbol_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="expected root, month letter and two digits"):
        parse_future(text)


@given(st.text(max_size=10))
@settings(max_examples=100)
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        parts = parse_future(text)
    except InvalidValueError:
        return
    assert text == print_future(parts)


@pytest.mark.parametrize("wrong", [{"root": ""}, {"month": 13}, {"year": 1999}])
def test_parts_that_no_symbol_carries_are_refused(wrong: dict[str, object]) -> None:
    parts: dict[str, object] = {"root": "ES", "year": 2020, "month": 3}
    with pytest.raises(InvalidValueError, match="future symbol parts"):
        FutureSymbol(**(parts | wrong))
