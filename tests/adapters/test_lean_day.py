"""A whole day of LEAN bars: ends of quote bars, begins of trade bars, prices in ticks, and every fault at once."""

import zipfile
from datetime import UTC, date, datetime

import pytest

from flatbook.adapters.files.lean_day import read_lean_day
from flatbook.model.errors import FaultsError
from flatbook.model.instruments import Kind

_DAY = date(2015, 12, 24)
_AT = 34_200_000  # 09:30 in milliseconds
_OPTION = "20151224_xyz_minute_{}_american_call_7500000_20160115.csv"


def _ns(hour, minute):
    return int(datetime(2015, 12, 24, hour, minute, tzinfo=UTC).timestamp()) * 10**9


def _folder(tmp_path, quotes, trades=""):
    for file, name, text in (
        ("20151224_quote_american.zip", _OPTION.format("quote"), quotes),
        ("20151224_trade_american.zip", _OPTION.format("trade"), trades),
        ("equity_quote.zip", "20151224_xyz_minute_quote.csv", f"{_AT},1,1,1,7491000,100,1,1,1,7493000,200\n"),
    ):
        with zipfile.ZipFile(tmp_path / file, "w") as archive:
            archive.writestr(name, text)
    return tmp_path


def test_bars_become_columns_in_order_of_time(tmp_path):
    quotes = f"{_AT},1,1,1,85000,7,1,1,1,90000,8\n{_AT + 60_000},,,,,,1,1,1,90500,0\n{_AT + 120_000},1,1,1,85500,5,,,,,\n"
    trades = f"{_AT + 60_000},85000,90000,85000,87500,12\n"
    day = read_lean_day(_folder(tmp_path, quotes, trades), day=_DAY)

    assert [(item.symbol, item.kind) for item in day.instruments] == [
        ("XYZ160115C00750000", Kind.OPTION), ("XYZ", Kind.SHARE),
    ]  # fmt: skip
    assert (day.underlying, day.underlying_row, day.forward_row.tolist()) == ("XYZ", 1, [-1, -1])
    assert (day.session_open_ns[0], day.session_close_ns[0]) == (_ns(14, 30), _ns(18, 0))
    assert day.session_open_ns[1] == _ns(14, 30) + 4 * 86_400 * 10**9
    assert day.quote_ns.tolist() == [_ns(14, 31), _ns(14, 31), _ns(14, 32), _ns(14, 33)]
    assert day.quote_row.tolist() == [0, 1, 0, 0]
    assert day.bid_ticks.tolist() == [850, 74910, -1, 855]
    assert day.ask_ticks.tolist() == [900, 74930, -1, -1]
    assert day.bid_size.tolist() == [7, 100, 0, 5]
    assert day.ask_size.tolist() == [8, 200, 0, 0]
    assert (day.trade_ns.tolist(), day.trade_row.tolist()) == ([_ns(14, 31)], [0])
    assert (day.trade_ticks.tolist(), day.trade_quantity.tolist()) == ([875], [12])


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    quotes = f"{_AT},1,1,1,85000,7,1,1,1,90000,8\n{_AT + 60_000},1,1,1,85033,7,1,1,1,x,-1\n"
    trades = f"{_AT},1,1,1,87500\n{_AT},1,1,1,87500,1.5\n"

    with pytest.raises(FaultsError) as raised:
        read_lean_day(_folder(tmp_path, quotes, trades), day=_DAY)

    found = [(each.where.rpartition("line ")[2], each.found) for each in raised.value.faults]
    assert found == [
        ("2", "'85033'"),
        ("2", "'x'"),
        ("2", "'-1'"),
        ("1", f"'{_AT},1,1,1,87500'"),
        ("2", "'1.5'"),
    ]
