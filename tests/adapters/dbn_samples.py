"""Small DBN files, written by the library that reads them."""

import datetime
from types import SimpleNamespace

import databento_dbn as dbn

NUMBERS = {"XYZ   250321C00100000": 7, "XYZ   250321P00100000": 8}
AT = int(datetime.datetime(2025, 2, 20, 15, tzinfo=datetime.UTC).timestamp()) * 10**9
_UNDEFINED = 2**63 - 1
_DAY = (datetime.date(2025, 2, 20), datetime.date(2025, 2, 21))


def metadata(numbers=None, dataset="OPRA.PILLAR", schema=dbn.Schema.CMBP_1):
    """The head of a file that names each number of a contract."""
    named = NUMBERS if numbers is None else numbers
    mappings = [
        SimpleNamespace(
            raw_symbol=name,
            intervals=[SimpleNamespace(start_date=_DAY[0], end_date=_DAY[1], symbol=str(number))],
        )
        for name, number in named.items()
    ]
    return bytes(
        dbn.Metadata(
            dataset=dataset, start=AT, stype_in=dbn.SType.RAW_SYMBOL, stype_out=dbn.SType.INSTRUMENT_ID,
            schema=schema, symbols=list(named), mappings=mappings,
        )
    )  # fmt: skip


def _price(value):
    return _UNDEFINED if value is None else round(value * 10**9)


def cmbp1(number, at_ns, bid, ask, sizes=(10, 20), flags=0, rtype=0xB1):
    """A consolidated quote; `rtype` 0xC2 is that of TCBBO."""
    pair = dbn.ConsolidatedBidAskPair(
        bid_px=_price(bid), ask_px=_price(ask), bid_sz=sizes[0], ask_sz=sizes[1]
    )
    return bytes(
        dbn.CMBP1Msg(
            rtype=rtype, publisher_id=30, instrument_id=number, ts_event=at_ns - 1000, price=_UNDEFINED, size=0,
            action=dbn.Action.ADD, side=dbn.Side.NONE, ts_recv=at_ns, flags=flags, levels=pair,
        )
    )  # fmt: skip


def cbbo(number, at_ns, bid, ask, last_trade_ns=2**64 - 1):
    """A consolidated quote at the end of a second."""
    pair = dbn.ConsolidatedBidAskPair(bid_px=_price(bid), ask_px=_price(ask), bid_sz=1, ask_sz=2)
    return bytes(
        dbn.CBBOMsg(
            rtype=0xC0, publisher_id=30, instrument_id=number, ts_event=last_trade_ns, price=_UNDEFINED, size=0,
            side=dbn.Side.NONE, ts_recv=at_ns, levels=pair,
        )
    )  # fmt: skip


def mbp1(number, at_ns, bid, ask, publisher=30):
    """A quote of one publisher."""
    pair = dbn.BidAskPair(bid_px=_price(bid), ask_px=_price(ask), bid_sz=100, ask_sz=200)
    return bytes(
        dbn.MBP1Msg(
            publisher_id=publisher, instrument_id=number, ts_event=at_ns, price=_UNDEFINED, size=0, action=dbn.Action.ADD,
            side=dbn.Side.NONE, depth=0, ts_recv=at_ns, levels=pair,
        )
    )  # fmt: skip


def status(number, at_ns, action):
    """A state of trading."""
    return bytes(
        dbn.StatusMsg(publisher_id=30, instrument_id=number, ts_event=at_ns, ts_recv=at_ns, action=action)
    )


def definition(number, at_ns, symbol, multiplier=None):
    """A contract's terms."""
    return bytes(
        dbn.InstrumentDefMsg(
            publisher_id=30, instrument_id=number, ts_event=at_ns, ts_recv=at_ns, min_price_increment=_UNDEFINED,
            display_factor=_UNDEFINED, raw_symbol=symbol, asset="XYZ", security_type="OOF",
            instrument_class=dbn.InstrumentClass.CALL, security_update_action=dbn.SecurityUpdateAction.ADD,
            contract_multiplier=multiplier,
        )
    )  # fmt: skip
