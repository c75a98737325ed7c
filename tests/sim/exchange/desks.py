"""A small exchange for tests: two classes of options, a share, a future, and short ways to say things."""

import itertools

import numpy as np

from flatbook.model.instruments import Instrument, Kind, Right, Style
from flatbook.model.table import InstrumentTable
from flatbook.model.world_exchange_terms import ExchangeTerms
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.chance import stream
from flatbook.sim.exchange.exchange import Exchange
from flatbook.sim.messages import Cancel, NewOrder, Traded
from flatbook.sim.moment import CustomerOrder, Leg, Moment
from tests.worlds import NOW_NS, PENNY, option, share

OPEN_NS = NOW_NS
SECOND = 1_000_000_000
CALL_100, CALL_105, PUT_100, OTHER_CALL, SHARE, FUTURE = range(6)


def table():
    """Four options, a share and a future."""
    return InstrumentTable(
        version=1,
        instruments=(
            option("C100", 100.0, 30, Right.CALL, style=Style.AMERICAN),
            option("C105", 105.0, 30, Right.CALL, style=Style.AMERICAN),
            option("P100", 100.0, 30, Right.PUT, style=Style.AMERICAN),
            option("D50", 50.0, 30, Right.CALL, underlying="DEF", option_class="DEF"),
            share("XYZ"),
            Instrument(
                symbol="DEFZ",
                underlying="DEF",
                kind=Kind.FUTURE,
                multiplier=50.0,
                currency="USD",
                ticks_per_unit=100,
                tick_table=PENNY,
                expiry_ns=NOW_NS + 90 * 86_400 * SECOND,
            ),
        ),
    )


def exchange(*, opened=True, listed=None, seed=1, **terms):
    """An open exchange."""
    out = Exchange(listed or table(), ExchangeTerms(**terms), stream(seed, "exchange"))
    if opened:
        out.open_session(OPEN_NS)
    return out


_ids = itertools.count(1_000_000)


def order(client_id, row, side, price, quantity, *, quote=False, **more):
    """A new order."""
    return NewOrder(
        client_id=client_id, row=row, side=side, price_ticks=price, quantity=quantity, is_quote=quote, **more
    )


def cancel(client_id):
    """A cancel."""
    return Cancel(client_id=client_id)


def show(venue, row, bid, bid_size, ask, ask_size, now_ns=OPEN_NS):
    """The crowd quotes one row; None is no price."""
    columns = [np.array([NO_PRICE if each is None else each]) for each in (bid, ask, bid_size, ask_size)]
    return venue.requote(np.array([row]), *columns, now_ns)


def moment(n=6, **columns):
    """A moment in which everything is worth 5 and has a vega of 0.1."""
    told = {
        "at_ns": OPEN_NS,
        "spot": np.array([100.0, 50.0]),
        "halted": np.zeros(2, np.bool_),
        "fair": np.full(n, 5.0),
        "vega": np.full(n, 0.1),
        "bid_ticks": np.full(n, NO_PRICE),
        "ask_ticks": np.full(n, NO_PRICE),
        "bid_size": np.zeros(n, np.int64),
        "ask_size": np.zeros(n, np.int64),
    }
    return Moment(**(told | columns))


def customer(*legs, quantity=1, reach=0.0, limits=(), order_id=7, capacity="customer"):
    """An order of a customer; legs are (row, side) or (row, side, ratio)."""
    return CustomerOrder(
        order_id=order_id,
        at_ns=OPEN_NS,
        legs=tuple(Leg(row=leg[0], side=leg[1], ratio=leg[2] if len(leg) > 2 else 1) for leg in legs),
        quantity=quantity,
        reach_points=reach,
        capacity=capacity,
        limit_ticks=tuple(limits),
    )


def words(reports):
    """Types and reasons: what a report says in a word or two."""
    return [type(each).__name__ + (f" {each.reason}" if hasattr(each, "reason") else "") for each in reports]


def trades(reports):
    """Client id, contracts, ticks of every trade."""
    return [(each.client_id, each.quantity, each.price_ticks) for each in reports if isinstance(each, Traded)]
