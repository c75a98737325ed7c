"""Tiny made-up files in every format, and how a fault is looked for."""

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flatbook.adapters.files.instants import parse_instant
from flatbook.model.errors import Fault, FaultsError
from flatbook.model.instruments import Instrument, Kind, Payoff, Right, Settlement, Style, TickBand

CBOE_HEADER = (
    "underlying,underlying_last,exchange,optionroot,type,expiration,quotedate,strike,last,net,bid,ask,volume,"
    "openinterest,impliedvol,delta,gamma"
)
DERIBIT_HEADER = (
    "timestamp,instrument_name,underlying,underlying_name,option_type,strike,expiry_datetime,time_to_maturity,bid_price,"
    "ask_price,mark_price,mid_price,futures_price,futures_instrument_name,implied_volatility,delta,vega,open_interest,"
    "volume,bid_ask_spread,currency,index_price,volume_usd"
)
FILLS_HEADER = "time,fill_id,symbol,side,quantity,price,capacity,venue,fee,action,refers_to"
AT = parse_instant("2019-05-03T15:00:00-04:00")


def cboe_row(
    root: str = "SPXW190621C02900000",
    bid: str = "75.10",
    ask: str = "75.60",
    *,
    kind: str = "call",
    expiration: str = "06/21/2019",
    strike: str = "2900.0",
    quoted: str = "05/03/2019",
    underlying: str = "SPX",
    last: str = "2946.52",
) -> str:
    return f"{underlying},{last},CBOE,{root},{kind},{expiration},{quoted},{strike},0.0,0.0,{bid},{ask},0,0,0.1,0.5,0.0"


def cboe_text(*rows: str) -> str:
    return "\n".join([CBOE_HEADER, *(rows or (cboe_row(),))]) + "\n"


def deribit_row(
    name: str = "BTC-27MAR26-70000-C",
    bid: str = "0.0450",
    ask: str = "0.0465",
    *,
    kind: str = "call",
    strike: str = "70000.0",
    expiry: str = "2026-03-27T08:00:00+00:00",
    time: str = "2026-02-05T21:29:37.885165+00:00",
    future: str = "64100.5",
    mark: str = "0.0458",
    coin: str = "BTC",
    index: str = "63718.97",
) -> str:
    expiry_code = name.split("-")[1] if "-" in name else ""
    return (
        f"{time},{name},{future},{coin}-{expiry_code},{kind},{strike},{expiry},0.13,{bid},{ask},{mark},,{future},"
        f"{coin}-{expiry_code},0.6,0.4,70.1,1.0,2.0,0.0015,{coin},{index},1.0"
    )


def deribit_text(*rows: str) -> str:
    return "\n".join([DERIBIT_HEADER, *(rows or (deribit_row(),))]) + "\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def write_zip(path: Path, **entries: str) -> Path:
    """A zip of CSV entries, named without their `.csv`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries.items():
            archive.writestr(f"{name}.csv", text)
    return path


def table_text(header: tuple[str, ...], *rows: tuple[object, ...]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def the_fault(action: Callable[[], object]) -> Fault:
    """The one fault that `action` raises."""
    faults = the_faults(action)
    assert len(faults) == 1, [str(fault) for fault in faults]
    return faults[0]


def the_faults(action: Callable[[], object]) -> tuple[Fault, ...]:
    with pytest.raises(FaultsError) as caught:
        action()
    return caught.value.faults


def an_option(symbol: str = "SPXW190621C02900000", **changes: object) -> Instrument:
    terms: dict[str, object] = {
        "symbol": symbol,
        "underlying": "SPX",
        "option_class": "SPXW",
        "kind": Kind.OPTION,
        "multiplier": 100.0,
        "currency": "USD",
        "ticks_per_unit": 100,
        "tick_table": (TickBand(0, 5), TickBand(300, 10)),
        "expiry_ns": parse_instant("2019-06-21T16:00:00-04:00"),
        "strike": 2900.0,
        "right": Right.CALL,
        "style": Style.EUROPEAN,
        "settlement": Settlement.PM,
        "payoff": Payoff.LINEAR,
    }
    return Instrument(**(terms | changes))


def a_future(symbol: str = "ESM19", **changes: object) -> Instrument:
    terms: dict[str, object] = {
        "symbol": symbol,
        "underlying": "SPX",
        "kind": Kind.FUTURE,
        "multiplier": 50.0,
        "currency": "USD",
        "ticks_per_unit": 100,
        "tick_table": (TickBand(0, 25),),
        "expiry_ns": parse_instant("2019-06-21T09:30:00-04:00"),
    }
    return Instrument(**(terms | changes))
