"""Orders at work from a file: columns in its order, every fault at once."""

import pytest
from tests.worlds import FUTURE, NOW_NS, option, share

from flatbook.adapters.files.orders import read_orders
from flatbook.model.errors import FaultsError, InvalidValueError
from flatbook.model.events import OrdersWorking
from flatbook.model.instruments import Right, Side
from flatbook.model.table import InstrumentTable

TABLE = InstrumentTable(
    version=1, instruments=(share("XYZ"), option("XYZ C100", 100.0, 30, Right.CALL), FUTURE)
)


def _read(tmp_path, text):
    path = tmp_path / "orders.csv"
    path.write_text(text)
    return read_orders(path, table=TABLE, at_ns=NOW_NS)


def test_rows_become_columns_in_their_order(tmp_path):
    seen = _read(tmp_path, "symbol,side,quantity,price\nXYZ,buy,300,99.5\nXYZ C100,s,10,\n")

    assert seen == OrdersWorking(
        received_ns=NOW_NS,
        symbols=("XYZ", "XYZ C100"),
        sides=(Side.BUY, Side.SELL),
        quantities=(300, 10),
        price_ticks=(9950, None),
    )


def test_a_header_alone_is_no_order(tmp_path):
    assert _read(tmp_path, "symbol,side,quantity\n").symbols == ()


def test_every_fault_is_told_at_once(tmp_path):
    with pytest.raises(FaultsError) as caught:
        _read(
            tmp_path,
            "symbol,side,quantity,price\nNOBODY,buy,1,\nXYZ,up,0,\nXYZ C100,sell,1.5,-2\nXYZ,sell,1,0.001\n",
        )

    where = [fault.where for fault in caught.value.faults]
    assert [place.split("column ")[-1] for place in where] == [
        "symbol",
        "side",
        "quantity",
        "quantity",
        "price",
        "price",
    ]


@pytest.mark.parametrize("change", [{"quantities": (0,)}, {"sides": ()}, {"price_ticks": (1, 2)}])
def test_an_order_that_cannot_be_is_refused(change):
    whole = {"symbols": ("XYZ",), "sides": (Side.BUY,), "quantities": (1,), "price_ticks": (None,)}
    with pytest.raises(InvalidValueError):
        OrdersWorking(received_ns=0, **{**whole, **change})
