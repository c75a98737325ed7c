"""A desk of 50 underlyings, 5,000 series and 10,000 positions, as a view made by hand."""

import numpy as np

from flatbook.book.view import Holdings
from flatbook.market.clock import NS_PER_DAY
from flatbook.market.view import MarketView
from flatbook.model.instruments import Instrument, Kind, Right, Style, TickBand
from flatbook.model.parameters import Desk, QuotingRules, RiskAppetite, UnderlyingTerms
from flatbook.model.table import InstrumentTable

NOW_NS = 1_700_000_000 * 1_000_000_000
UNDERLYINGS = 50
DAYS = (4, 18, 46, 109, 300)
STRIKES = (80.0, 85.0, 90.0, 94.0, 98.0, 100.0, 103.0, 107.0, 113.0, 120.0)
RATE, YIELD, SPOT = 0.04, 0.015, 100.0
POSITIONS = 10_000


def _series(underlying: int, days: int, strike: float, right: Right) -> Instrument:
    name = f"U{underlying:02d}"
    return Instrument(
        symbol=f"{name} {days} {right.name[0]}{strike:g}",
        underlying=name,
        option_class=name,
        kind=Kind.OPTION,
        multiplier=100.0,
        currency="USD",
        ticks_per_unit=100,
        tick_table=(TickBand(0, 1),),
        expiry_ns=NOW_NS + days * NS_PER_DAY,
        strike=strike,
        right=right,
        style=Style.AMERICAN if underlying % 2 else Style.EUROPEAN,
    )


def world() -> tuple[MarketView, Holdings, Desk]:
    """Every second underlying is American; smiles slope."""
    items = tuple(
        _series(underlying, days, strike, right)
        for underlying in range(UNDERLYINGS)
        for days in DAYS
        for strike in STRIKES
        for right in (Right.CALL, Right.PUT)
    )
    table = InstrumentTable(version=1, instruments=items)
    market = _view(table)
    random = np.random.default_rng(11)
    row = np.sort(random.integers(0, len(items), POSITIONS))
    account = random.integers(0, 4, POSITIONS)
    holdings = Holdings(
        row=row,
        account=account,
        strategy=np.arange(POSITIONS) % 5,
        quantity=random.choice([-1, 1], POSITIONS) * random.integers(1, 80, POSITIONS),
        accounts=tuple(f"A{number}" for number in range(4)),
        strategies=tuple(f"S{number}" for number in range(5)),
    )
    desk = Desk(
        underlyings=tuple(UnderlyingTerms(symbol=name) for name in table.underlyings),
        quoting=QuotingRules(),
        appetite=RiskAppetite(aversion_per_usd=1e-6),
    )
    return market, holdings, desk


def _view(table: InstrumentTable) -> MarketView:
    n, n_slices, n_underlyings = len(table.instruments), len(table.slices), len(table.underlyings)
    slice_years = np.array([(key.expiry_ns - NOW_NS) / (365 * NS_PER_DAY) for key in table.slices])
    of = table.slice_of
    forward = SPOT * np.exp((RATE - YIELD) * slice_years)
    log_moneyness = np.log(table.strike / forward[of])
    vol = 0.22 + 0.002 * table.underlying_of - 0.12 * log_moneyness + 0.25 * log_moneyness**2
    nothing = np.full(n, np.nan)
    return MarketView(
        now_ns=NOW_NS,
        table=table,
        spot=np.full(n_underlyings, SPOT),
        slice_years=slice_years,
        slice_forward=forward,
        slice_forward_source=np.ones(n_slices, dtype=np.int8),
        slice_future=np.full(n_slices, np.nan),
        slice_parity_residual=np.zeros(n_slices),
        slice_discount=np.exp(-RATE * slice_years),
        slice_rate=np.full(n_slices, RATE),
        slice_rate_source=np.zeros(n_slices, dtype=np.int8),
        slice_yield=np.full(n_slices, YIELD),
        slice_spot=np.full(n_slices, SPOT),
        slice_atm_vol=np.full(n_slices, 0.25),
        slice_reason=("",) * n_slices,
        slice_warning=("",) * n_slices,
        slice_confidence=np.ones(n_slices),
        slice_in_surface=np.full(n_slices, -1),
        surfaces=(None,) * n_underlyings,
        dividend_years=(np.empty(0),) * n_underlyings,
        dividend_amount=(np.empty(0),) * n_underlyings,
        bid=nothing,
        ask=nothing,
        bid_size=nothing,
        ask_size=nothing,
        age_s=np.zeros(n),
        status=np.zeros(n, dtype=np.int8),
        years=slice_years[of],
        forward=forward[of],
        discount=np.exp(-RATE * slice_years)[of],
        unit=np.ones(n),
        forward_fixed=np.zeros(n, dtype=np.bool_),
        vol_bid=vol,
        vol_mid=vol,
        vol_ask=vol,
        vol=vol,
    )
