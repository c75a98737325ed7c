"""Small markets with known numbers, for tests: a view made by hand, and a chain made of Black prices."""

import numpy as np
from msgspec.structs import replace

from flatbook.kernels.black import price_european
from flatbook.market.clock import NS_PER_DAY
from flatbook.market.view import MarketView
from flatbook.model.events import (
    CycleDue,
    DeskSet,
    Fill,
    InstrumentsListed,
    LimitsSet,
    QuotesSeen,
    UnderlyingQuoted,
)
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Instrument, Kind, Right, Settlement, Side, Style, TickBand
from flatbook.model.parameters import (
    Desk,
    HaircutRange,
    QuotingRules,
    RiskAppetite,
    UnderlyingTerms,
)
from flatbook.model.table import InstrumentTable

NOW_NS = 1_700_000_000 * 1_000_000_000
PENNY = (TickBand(0, 1),)
NICKEL = (TickBand(0, 5), TickBand(300, 10))


def option(
    symbol,
    strike,
    days,
    right,
    *,
    underlying="XYZ",
    option_class="XYZ",
    style=Style.EUROPEAN,
    multiplier=100.0,
    **more,
):
    """One option that expires `days` after NOW_NS."""
    return Instrument(
        symbol=symbol,
        underlying=underlying,
        option_class=option_class,
        kind=Kind.OPTION,
        multiplier=multiplier,
        currency="USD",
        ticks_per_unit=100,
        tick_table=more.pop("tick_table", PENNY),
        expiry_ns=NOW_NS + round(days * NS_PER_DAY),
        strike=strike,
        right=right,
        style=style,
        settlement=more.pop("settlement", Settlement.PM),
        **more,
    )


def share(symbol="XYZ", *, underlying="XYZ", price_ratio=1.0, multiplier=1.0, beta=1.0):
    """The underlying itself, or an ETF on it."""
    return Instrument(
        symbol=symbol,
        underlying=underlying,
        kind=Kind.SHARE,
        multiplier=multiplier,
        currency="USD",
        ticks_per_unit=100,
        tick_table=PENNY,
        price_ratio=price_ratio,
        beta=beta,
    )


def desk(*, hedges=(), aversion=1e-6, underlyings=(), quoting=None, index=""):
    """A desk that says little."""
    return Desk(
        name="test desk",
        underlyings=underlyings,
        hedges=hedges,
        quoting=quoting or QuotingRules(),
        appetite=RiskAppetite(aversion_per_usd=aversion, index=index),
    )


def view_by_hand(instruments, *, spot, vols, rate=0.0, dividend_yield=0.0):
    """A market view with one underlying at `spot`, flat carry, and a volatility for each row."""
    table = InstrumentTable(version=1, instruments=tuple(instruments))
    n, n_slices = len(table.instruments), len(table.slices)
    years = np.where(table.is_option, (table.expiry_ns - NOW_NS) / (365 * NS_PER_DAY), np.inf)
    slice_years = np.array([(key.expiry_ns - NOW_NS) / (365 * NS_PER_DAY) for key in table.slices])
    slice_forward = spot * np.exp((rate - dividend_yield) * slice_years)
    nothing = np.full(n, np.nan)
    of = table.slice_of
    return MarketView(
        now_ns=NOW_NS,
        table=table,
        spot=np.full(len(table.underlyings), float(spot)),
        slice_years=slice_years,
        slice_forward=slice_forward,
        slice_forward_source=np.ones(n_slices, dtype=np.int8),
        slice_future=np.full(n_slices, np.nan),
        slice_parity_residual=np.zeros(n_slices),
        slice_discount=np.exp(-rate * slice_years),
        slice_rate=np.full(n_slices, rate),
        slice_rate_source=np.zeros(n_slices, dtype=np.int8),
        slice_yield=np.full(n_slices, dividend_yield),
        slice_spot=np.full(n_slices, float(spot)),
        slice_atm_vol=np.full(n_slices, np.mean([v for v in vols if np.isfinite(v)] or [np.nan])),
        slice_reason=("",) * n_slices,
        slice_warning=("",) * n_slices,
        slice_confidence=np.ones(n_slices),
        slice_in_surface=np.full(n_slices, -1),
        surfaces=(None,) * len(table.underlyings),
        dividend_years=(np.empty(0),) * len(table.underlyings),
        dividend_amount=(np.empty(0),) * len(table.underlyings),
        bid=nothing.copy(),
        ask=nothing.copy(),
        bid_size=nothing.copy(),
        ask_size=nothing.copy(),
        age_s=np.zeros(n),
        status=np.zeros(n, dtype=np.int8),
        years=years,
        forward=np.where(table.is_option, slice_forward[of], np.nan) if n_slices else nothing.copy(),
        discount=np.where(table.is_option, np.exp(-rate * slice_years)[of], 1.0) if n_slices else np.ones(n),
        unit=np.ones(n),
        forward_fixed=np.zeros(n, dtype=np.bool_),
        vol_bid=nothing.copy(),
        vol_mid=nothing.copy(),
        vol_ask=nothing.copy(),
        vol=np.array(vols, dtype=np.float64),
    )


def book_of_v17():
    """Domain reference V17: -50 C105 (.20, 30d), -30 P95 (.26, 30d), +40 C100 (.225, 90d), +400 shares; S=100, r=4 %."""
    instruments = (
        option("C105", 105.0, 30, Right.CALL),
        option("P95", 95.0, 30, Right.PUT),
        option("C100", 100.0, 90, Right.CALL),
        share(),
    )
    market = view_by_hand(instruments, spot=100.0, vols=[0.20, 0.26, 0.225, np.nan], rate=0.04)
    return np.array([-50, -30, 40, 400]), market


def index_chain(*, spot=5000.0, rate=0.03, dividend_yield=0.01, days=(7, 30, 90), width=0.10, half=0.002):
    """Listed European options on IDX with strikes within `width`, and quotes around Black prices with a skewed smile."""
    listed, bids, asks = [], [], []
    for day in days:
        years = day / 365.0
        forward = spot * np.exp((rate - dividend_yield) * years)
        strikes = np.arange(round(spot * (1 - width) / 25) * 25, spot * (1 + width) + 1, 25.0)
        for strike in strikes:
            for right in Right:
                name = f"IDXW{day:03d}{'C' if right > 0 else 'P'}{strike:.0f}"
                listed.append(
                    option(
                        name,
                        float(strike),
                        day,
                        right,
                        underlying="IDX",
                        option_class="IDXW",
                        tick_table=NICKEL,
                    )
                )
        vol = smile(np.log(strikes / forward), years)
        for sign in (1.0, -1.0):
            n = strikes.size
            price = price_european(
                np.full(n, forward),
                strikes,
                np.full(n, years),
                vol,
                np.full(n, np.exp(-rate * years)),
                np.full(n, sign),
            )
            spread = np.maximum(0.05, half * price + 0.05)
            bids.append(np.floor((price - spread) * 20) / 20)
            asks.append(np.ceil((price + spread) * 20) / 20)
    order = _interleave(len(days), bids)
    return tuple(listed), np.concatenate(order(bids)), np.concatenate(order(asks))


def smile(log_moneyness, years):
    """A plain skew: 16 % at the money."""
    x = log_moneyness / np.sqrt(years)
    return np.maximum(0.16 - 0.10 * x + 0.10 * x**2, 0.05)


def _interleave(n_days, columns):
    """Columns come a right at a time; rows alternate call and put (Right.CALL first)."""

    def order(parts):
        out = []
        for day in range(n_days):
            call, put = parts[2 * day], parts[2 * day + 1]
            out.append(np.column_stack((call, put)).ravel())
        return out

    return order


FUTURE = Instrument(
    symbol="IDXH1",
    underlying="IDX",
    kind=Kind.FUTURE,
    multiplier=50.0,
    currency="USD",
    ticks_per_unit=100,
    tick_table=(TickBand(0, 25),),
)


def index_desk(*, aversion=2e-6, quoting=None, correlation=0.999, multiplier=50.0):
    """A desk on IDX that hedges with its future."""
    future = replace(FUTURE, multiplier=multiplier)
    return desk(
        hedges=(HedgeTerms(instrument=future, spread=0.25, fee_per_contract=1.2, correlation=correlation),),
        aversion=aversion,
        underlyings=(UnderlyingTerms(symbol="IDX", haircut=HaircutRange.BROAD_INDEX),),
        quoting=quoting
        or QuotingRules(
            half_spread_vol_points=0.3,
            half_spread_min=0.05,
            size=20,
            inventory_full_contracts=500,
            width_max=50.0,
        ),
        index="IDX",
    )


def index_facts(*, fills=(), limits=(), the_desk=None, spot=5000.0, **chain):
    """The facts of one snapshot of IDX, a cycle last."""
    listed, bid, ask = index_chain(spot=spot, **chain)
    to_ticks = lambda prices: tuple(round(p * 100) if p > 0 else None for p in prices)  # noqa: E731
    return [
        InstrumentsListed(received_ns=NOW_NS, instruments=listed),
        DeskSet(received_ns=NOW_NS, desk=the_desk or index_desk(), by="test"),
        LimitsSet(received_ns=NOW_NS, limits=tuple(limits), by="test"),
        UnderlyingQuoted(received_ns=NOW_NS, underlying="IDX", price=spot),
        QuotesSeen(
            received_ns=NOW_NS,
            symbols=tuple(i.symbol for i in listed),
            bid_ticks=to_ticks(bid),
            ask_ticks=to_ticks(ask),
        ),
        *fills,
        CycleDue(received_ns=NOW_NS, reason="test"),
    ]


def fill(number, symbol, side, quantity, price, **more):
    """A trade of ours."""
    return Fill(
        received_ns=NOW_NS,
        fill_id=f"F{number}",
        instrument=symbol,
        side=Side.BUY if side == "buy" else Side.SELL,
        quantity=quantity,
        price_ticks=round(price * 100),
        traded_ns=NOW_NS,
        **more,
    )
