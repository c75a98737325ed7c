"""The column `delivery` of the table of instruments: written where somebody said it, read where it stands."""

import csv

import pytest
from tests.worlds import NOW_NS, option

from flatbook.adapters.files.faults import FaultList
from flatbook.adapters.files.flatbook_instruments import REQUIRED, instruments_of
from flatbook.adapters.files.flatbook_writer import tables_of
from flatbook.adapters.files.tables import read_table
from flatbook.adapters.files.terms import FUTURES, future_option_terms, option_of, us_option_terms
from flatbook.model.events import InstrumentsListed
from flatbook.model.instruments import Delivery, Right, Style


def written(*items):
    return tables_of((InstrumentsListed(received_ns=NOW_NS, instruments=items),), NOW_NS)["instruments"]


def test_the_column_is_left_out_where_every_contract_is_as_its_style():
    """Files written before are written the same."""
    header, rows = written(option("A", 100.0, 30, Right.CALL))

    assert "delivery" not in header
    assert len(rows[0]) == len(header)


@pytest.mark.parametrize("delivery", [Delivery.CASH, Delivery.PHYSICAL])
def test_what_is_written_is_read(delivery, tmp_path):
    """Beside a contract that says nothing."""
    items = (option("A", 100.0, 30, Right.CALL, delivery=delivery), option("B", 100.0, 30, Right.PUT))
    header, rows = written(*items)
    path = tmp_path / "instruments.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    faults = FaultList("instruments")

    found = instruments_of(read_table(path, REQUIRED, faults), faults)

    assert tuple(found.values()) == items


def test_each_reader_says_what_its_options_deliver():
    """SPX cash, shares physical, options that end with their future cash though they are American."""
    terms = (
        us_option_terms("SPX"),
        us_option_terms("AAPL"),
        future_option_terms(FUTURES["ES"], Style.AMERICAN),
    )
    made = [option_of(one, symbol="X", expiry_ns=1, strike=100.0, right=Right.CALL).delivers for one in terms]

    assert made == [False, True, False]
