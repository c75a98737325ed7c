"""From the last quotes to a view: sort the quotes, find each expiry's rate and forward, invert, fit the smiles."""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.kernels.european_vol import implied_vol_european
from flatbook.market import forwards, rates
from flatbook.market.american import AmericanQuotes, implied_vols
from flatbook.market.borrow import parity_line
from flatbook.market.clock import Clock, tau
from flatbook.market.dividends import Dividends, in_cash, schedules, split
from flatbook.market.quote_health import ClassHealth, HealthLimits, class_health, find_faults
from flatbook.market.quote_memory import Judged, QuotesNow, judge
from flatbook.market.quotes import (
    STATUS_TEXT,
    VOL_MAX,
    VOL_MIN,
    Codes,
    QuoteStatus,
    outside_bounds,
    sort_quotes,
)
from flatbook.market.rates import ParityPairs
from flatbook.market.state import MarketState, quotes_now
from flatbook.market.surfaces import NO_SMILE, Fitted, fit_surfaces
from flatbook.market.term import clocks_of, term_structure
from flatbook.market.view import ForwardSource, MarketView, RateSource
from flatbook.model.parameters import Desk
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints

AGE_MAX_S = 900.0  # snapshots and minute bars; a live feed sets its own
_FORWARD_MOVE_MAX = 0.5  # log; a parity forward further than this from spot is a bad chain
_APART_MAX = 0.01  # log; what a stale tick or a bad half-spread explains
_OWN_RATE_ERROR_MAX = 5e-4  # per year; what the line through all expiries is sure of
_COPY = f"quotes not used: {STATUS_TEXT[QuoteStatus.STALE_COPY]}"
_BORROW_MAX = 0.3  # per year; what borrow and unknown dividends explain


@dataclass(slots=True)
class _Draft:
    """The view while it is being made: the columns that the steps below fill in turn."""

    state: MarketState
    table: InstrumentTable
    desk: Desk
    now_ns: int
    spot: Floats
    years: Floats
    clocks: tuple[Clock, ...]
    variance_years: Floats  # that volatilities are quoted in
    status: Codes
    noise: Floats
    quotes: QuotesNow
    judged: Judged
    rows_of_slice: list[Ints]
    slice_years: Floats
    slice_variance_years: Floats
    slice_future: Floats
    slice_american: Bools
    slice_inverse: Bools
    slice_rate: Floats
    slice_rate_source: Codes
    slice_rate_error: Floats  # NaN where the expiry's own quotes do not tell its rate
    slice_forward: Floats
    slice_forward_error: Floats
    slice_source: Codes
    slice_residual: Floats
    slice_yield: Floats
    slice_spot: Floats
    listed: list[tuple[Floats, Floats]]  # dividends to come, by underlying: times and amounts
    dividends: list[Dividends]  # the same, the far ones as shares of the price
    reasons: list[str]
    warnings: list[str]


def view(state: MarketState, table: InstrumentTable, now_ns: int, desk: Desk) -> MarketView:
    """The market at `now_ns`.

    Parameters
    ----------
    state : MarketState
        The last of everything that was seen.
    table : InstrumentTable
        Rows of `state`.
    now_ns : int
        Time of valuation, UTC nanoseconds.
    desk : Desk
        For the rates it gives where nothing implies one.
    """
    draft = _begin(state, table, now_ns, desk)
    pairs = [_paired(draft, s) for s in range(len(table.slices))]
    _find_rates(draft, pairs)
    _split_dividends(draft)
    for s, quotes in enumerate(pairs):
        _find_forward(draft, s, quotes)
    seen = _finish(draft)
    term = term_structure(state, desk, seen, draft.listed, draft.slice_forward_error, draft.slice_rate_error)
    history = state.moves.of(table.underlyings)
    return replace(seen, health=health_of(seen, draft.judged, seen.status), term=term, history=history)


def _begin(state: MarketState, table: InstrumentTable, now_ns: int, desk: Desk) -> _Draft:
    n = len(table.slices)
    keys = table.slices
    years = np.where(table.is_option, tau(now_ns, table.expiry_ns), np.inf)
    age_s = np.where(state.quoted_ns > 0, (now_ns - state.quoted_ns) / 1e9, np.inf)
    rows = [np.flatnonzero(table.slice_of == s) for s in range(n)]
    quotes = quotes_now(state, table, now_ns)
    judged = judge(state.memory, quotes)
    expiry_ns = np.array([key.expiry_ns for key in keys], dtype=np.int64)
    clocks = clocks_of(state, desk, table.underlyings)
    listed = [_listed(state, name, now_ns) for name in table.underlyings]
    variance_years = tau(now_ns, expiry_ns)
    for u, clock in enumerate(clocks):
        mine = table.underlying_of_slice == u
        variance_years[mine] = clock.tau(now_ns, expiry_ns[mine])
    return _Draft(
        state=state,
        table=table,
        desk=desk,
        now_ns=now_ns,
        spot=np.array([state.spot.get(name, np.nan) for name in table.underlyings]),
        years=years,
        clocks=clocks,
        variance_years=np.append(variance_years, np.inf)[table.slice_of],
        status=sort_quotes(
            state.bid, state.ask, age_s, years, AGE_MAX_S, copied=judged.copied, wide=judged.wide
        ),
        noise=np.array([item.tick_table[0].step_ticks / item.ticks_per_unit for item in table.instruments]),
        quotes=quotes,
        judged=judged,
        rows_of_slice=rows,
        slice_years=tau(now_ns, expiry_ns),
        slice_variance_years=variance_years,
        slice_future=np.array([state.future.get(key, np.nan) for key in keys]),
        slice_american=np.array([bool(table.american[r].any()) for r in rows], dtype=np.bool_),
        slice_inverse=np.array([bool(table.inverse[r].any()) for r in rows], dtype=np.bool_),
        slice_rate=np.full(n, np.nan),
        slice_rate_source=np.full(n, RateSource.ASSUMED_ZERO, dtype=np.int8),
        slice_rate_error=np.full(n, np.nan),
        slice_forward=np.full(n, np.nan),
        slice_forward_error=np.full(n, np.nan),
        slice_source=np.zeros(n, dtype=np.int8),
        slice_residual=np.full(n, np.nan),
        slice_yield=np.full(n, np.nan),
        slice_spot=np.full(n, np.nan),
        listed=listed,
        dividends=[in_cash(*paid) for paid in listed],
        reasons=[""] * n,
        warnings=[_COPY if r.size and judged.copied[r].all() else "" for r in rows],
    )


def _listed(state: MarketState, underlying: str, now_ns: int) -> tuple[Floats, Floats]:
    seen = state.dividends.get(underlying)
    if seen is None:
        return np.empty(0), np.empty(0)
    to_come = [
        (ex_ns, amount) for ex_ns, amount in zip(seen.ex_ns, seen.amount, strict=True) if ex_ns > now_ns
    ]
    ex_ns = np.array([ex for ex, _ in to_come], dtype=np.int64)
    return tau(now_ns, ex_ns), np.array([amount for _, amount in to_come], dtype=np.float64)


def _paired(draft: _Draft, s: int) -> forwards.Quotes:
    """Calls and puts of one expiry that are both usable at one strike, ascending."""
    table, state = draft.table, draft.state
    rows = draft.rows_of_slice[s]
    rows = rows[draft.status[rows] == QuoteStatus.USABLE]
    calls, puts = (_one_each(rows[table.sign[rows] == sign], table.strike) for sign in (1.0, -1.0))
    strike, c, p = np.intersect1d(
        table.strike[calls], table.strike[puts], assume_unique=True, return_indices=True
    )
    mid, half = 0.5 * (state.bid + state.ask), 0.5 * (state.ask - state.bid)
    calls, puts = calls[c], puts[p]
    return forwards.Quotes(
        strike=strike, call=mid[calls], put=mid[puts], call_half=half[calls], put_half=half[puts]
    )


def _one_each(rows: Ints, strike: Floats) -> Ints:
    """The first row of each strike: a class may list a contract twice under two symbols."""
    _, first = np.unique(strike[rows], return_index=True)
    return rows[first]


def _find_rates(draft: _Draft, pairs: list[forwards.Quotes]) -> None:
    """Fill the rate of every expiry, underlying by underlying."""
    table = draft.table
    for u, name in enumerate(table.underlyings):
        inverse = (table.underlying_of_slice == u) & draft.slice_inverse
        draft.slice_rate[inverse], draft.slice_rate_source[inverse] = 0.0, RateSource.NONE
        mine = np.flatnonzero((table.underlying_of_slice == u) & ~draft.slice_inverse)
        if not mine.size:
            continue
        years = draft.slice_years[mine]
        currency = table.instruments[draft.rows_of_slice[mine[0]][0]].currency
        curve, own = draft.state.rates.get(currency), draft.desk.terms_of(name).rate
        implied = None
        if curve is None and not draft.slice_american[mine].any():
            differences = [forwards.pairs_of(pairs[s], _noise(draft, int(s))) for s in mine]
            implied = rates.parity_rates(differences, years)
            if implied is not None and own is None:
                implied = _told_rates(draft, mine, differences, implied)
        source = rates.pick_source(curve, implied, own)
        draft.slice_rate_source[mine] = source
        if curve is not None:
            draft.slice_rate[mine] = rates.curve_rates(curve, draft.now_ns, years)
        elif implied is not None:
            draft.slice_rate[mine] = implied
        else:
            draft.slice_rate[mine] = 0.0 if own is None else own


def _told_rates(draft: _Draft, slices: Ints, pairs: list[ParityPairs], pooled: Floats) -> Floats:
    """The pooled rates, and an expiry's own where its quotes alone tell it as surely."""
    out = pooled.copy()
    for number, s in enumerate(slices.tolist()):
        years = float(draft.slice_years[s])
        line = parity_line(pairs[number], years, float(pooled[number]), _OWN_RATE_ERROR_MAX)
        if line is not None and line.resolved:
            out[number] = -np.log(line.discount) / years
            draft.slice_rate_error[s] = line.discount_error / (line.discount * years)
    return out


def _split_dividends(draft: _Draft) -> None:
    """Make far dividends shares of the price, by the horizon of each underlying."""
    for u, name in enumerate(draft.table.underlyings):
        mine = np.flatnonzero((draft.table.underlying_of_slice == u) & np.isfinite(draft.slice_rate))
        mine = mine[np.argsort(draft.slice_years[mine], kind="stable")]
        years, amount = draft.listed[u]
        if mine.size:
            rate = np.interp(years, draft.slice_years[mine], draft.slice_rate[mine])
            horizon = draft.desk.terms_of(name).cash_dividends_years
            draft.dividends[u] = split(years, amount, rate, float(draft.spot[u]), horizon)


def _noise(draft: _Draft, s: int) -> float:
    return float(draft.noise[draft.rows_of_slice[s][0]])


def _carry(draft: _Draft, s: int) -> forwards.Carry:
    u = int(draft.table.underlying_of_slice[s])
    on_future = bool(np.isfinite(draft.slice_future[s]))
    return forwards.Carry(
        spot=float(draft.slice_future[s] if on_future else draft.spot[u]),
        on_future=on_future,
        spot_is_forward=on_future or bool(draft.slice_inverse[s]),
        years=float(draft.slice_years[s]),
        rate=float(draft.slice_rate[s]),
        dividend_years=draft.dividends[u].years,
        dividend_amount=draft.dividends[u].amount,
        far_yield=draft.dividends[u].far_yield(float(draft.slice_years[s])),
    )


def _find_forward(draft: _Draft, s: int, quotes: forwards.Quotes) -> None:
    """Fill the forward of one expiry: parity, else its future, else carry from spot; else a reason."""
    if not draft.slice_years[s] > 0.0:
        draft.reasons[s] = "expired at or before the time of valuation"
        return
    if not draft.slice_variance_years[s] > 0.0:
        draft.reasons[s] = "by the clock of its underlying no variance is left before it expires"
    carry = _carry(draft, s)
    found = _parity(draft, s, quotes, carry)
    anchor = carry.forward
    if found is not None and found.n_pairs == 1 and abs(found.forward - anchor) <= found.error:
        found = None  # a single pair that says no more than carry does
    if found is not None and not (abs(np.log(found.forward / anchor)) > _FORWARD_MOVE_MAX):
        forward, source = found.forward, ForwardSource.PARITY
        draft.slice_residual[s], draft.slice_forward_error[s] = found.residual, found.error
        draft.warnings[s] = _apart(found, anchor, carry)
    elif np.isfinite(anchor):
        forward, source = anchor, ForwardSource.FUTURE if carry.on_future else ForwardSource.CARRY
    else:
        draft.reasons[s] = draft.reasons[s] or (
            "no forward: no call and put quoted at one strike, no future, no price of the underlying"
        )
        return
    draft.slice_forward[s], draft.slice_source[s] = forward, source
    draft.slice_spot[s], draft.slice_yield[s] = carry.standing_of(forward)


def _apart(found: forwards.ParityForward, anchor: float, carry: forwards.Carry) -> str:
    """Words where options and underlying disagree by more than borrow and dividends explain."""
    apart = float(np.log(found.forward / anchor)) if np.isfinite(anchor) else 0.0
    if abs(apart) <= _APART_MAX + _BORROW_MAX * carry.years + found.error / anchor:
        return ""
    other = "the quoted future" if carry.on_future else "carry of the underlying's price"
    return f"parity stands {apart:+.2%} from {other}: one of the two is stale, or the stock is hard to borrow"


def _parity(
    draft: _Draft, s: int, quotes: forwards.Quotes, carry: forwards.Carry
) -> forwards.ParityForward | None:
    noise = _noise(draft, s)
    if draft.slice_inverse[s]:
        return forwards.inverse_forward(forwards.pairs_of(forwards.near_the_money(quotes), noise))
    if draft.slice_american[s]:
        if not np.isfinite(carry.spot):
            return None
        return forwards.american_forward(quotes, carry, noise)
    near = forwards.pairs_of(forwards.near_the_money(quotes), noise)
    return forwards.parity_forward(near, float(np.exp(-carry.rate * carry.years)))


def _finish(draft: _Draft) -> MarketView:
    table, state = draft.table, draft.state
    forward = _by_row(draft, draft.slice_forward, np.nan)
    discount = np.exp(-draft.slice_rate * draft.slice_years)
    row_discount = _by_row(draft, discount, 1.0)
    unit = np.where(table.inverse & table.is_option, forward, 1.0)
    fixed = table.inverse | np.isfinite(_by_row(draft, draft.slice_future, np.nan))
    vols = _vols(draft, forward, row_discount, unit)
    fitted = _fit(draft, forward, vols)
    return MarketView(
        now_ns=draft.now_ns,
        table=table,
        spot=draft.spot,
        spot_ns=np.array([state.spot_ns.get(name, 0) for name in table.underlyings], dtype=np.int64),
        slice_years=draft.slice_years,
        slice_forward=draft.slice_forward,
        slice_forward_source=draft.slice_source,
        slice_future=draft.slice_future,
        slice_parity_residual=draft.slice_residual,
        slice_discount=discount,
        slice_rate=draft.slice_rate,
        slice_rate_source=draft.slice_rate_source,
        slice_yield=draft.slice_yield,
        slice_spot=draft.slice_spot,
        slice_atm_vol=fitted.atm_vol,
        slice_confidence=fitted.confidence,
        slice_reason=tuple(draft.reasons),
        slice_warning=tuple(draft.warnings),
        clocks=draft.clocks,
        surfaces=fitted.surfaces,
        slice_in_surface=fitted.slice_at,
        dividend_years=tuple(paid.years for paid in draft.dividends),
        dividend_amount=tuple(paid.amount for paid in draft.dividends),
        bid=state.bid.copy(),
        ask=state.ask.copy(),
        bid_size=state.bid_size.copy(),
        ask_size=state.ask_size.copy(),
        valued_ns=np.full(len(table.underlyings), draft.now_ns, dtype=np.int64),
        judged=draft.judged,
        age_s=np.where(state.quoted_ns > 0, (draft.now_ns - state.quoted_ns) / 1e9, np.nan),
        status=draft.status,
        years=draft.years,
        forward=forward,
        discount=row_discount,
        unit=unit,
        forward_fixed=fixed,
        vol_bid=vols[0],
        vol_mid=vols[1],
        vol_ask=vols[2],
        vol=fitted.vol,
    )


def health_of(seen: MarketView, judged: Judged, status: Codes) -> ClassHealth:
    """What is wrong with the quotes of each class, all of it, once every quote has its `status`."""
    table, usual = seen.table, judged.usual_spread
    faults = find_faults(
        seen.bid,
        seen.ask,
        seen.age_s,
        usual,
        status == QuoteStatus.OUT_OF_BOUNDS,
        judged.copied,
        HealthLimits(age_max_s=AGE_MAX_S),
    )
    live = table.is_option & (seen.years > 0.0)
    return class_health(
        faults, seen.bid, seen.ask, seen.age_s, usual, live, table.class_of, len(table.classes)
    )


def _by_row(draft: _Draft, by_slice: Floats, otherwise: float) -> Floats:
    """A column of expiries as a column of rows; `otherwise` where the row is no option."""
    return np.asarray(np.append(by_slice, otherwise)[draft.table.slice_of])  # slice -1 is the last entry


def _vols(draft: _Draft, forward: Floats, discount: Floats, unit: Floats) -> tuple[Floats, Floats, Floats]:
    """Implied volatilities of bid, mid and ask of every option; quotes that give none are marked with the reason."""
    table, state = draft.table, draft.state
    sign, strike = table.sign, table.strike
    bid, ask, noise = state.bid * unit, state.ask * unit, draft.noise * unit
    mid = 0.5 * (bid + ask)
    floor = np.zeros(mid.size)
    alive = table.is_option & np.isfinite(forward) & (draft.years > 0.0) & (draft.variance_years > 0.0)
    usable = alive & (draft.status == QuoteStatus.USABLE)
    if table.american.any():
        floor = np.where(
            table.american, np.maximum(sign * (_exercise_spot(draft, forward) - strike), 0.0), 0.0
        )
    bad = usable & outside_bounds(bid, ask, forward, strike, discount, sign, floor)
    draft.status[bad] = QuoteStatus.OUT_OF_BOUNDS
    columns = []
    for price in (bid, mid, ask):
        vol = np.full(price.size, np.nan)
        wanted = alive & np.isfinite(price) & ~table.american
        vol[wanted], _ = implied_vol_european(
            price[wanted],
            forward[wanted],
            strike[wanted],
            draft.variance_years[wanted],
            discount[wanted],
            sign[wanted],
            noise[wanted],
        )
        columns.append(vol)
    rows = np.flatnonzero(alive & table.american)
    if rows.size:
        prices = np.vstack((bid, mid, ask))[:, rows]
        found, _ = implied_vols(_american_quotes(draft, rows), prices, noise[rows])
        for vol, one in zip(columns, found, strict=True):
            vol[rows] = one * np.sqrt(draft.years[rows] / draft.variance_years[rows])
    vol_mid = columns[1]
    still = usable & ~bad
    draft.status[still & np.isnan(vol_mid)] = QuoteStatus.NO_VOL
    draft.status[still & ((vol_mid < VOL_MIN) | (vol_mid > VOL_MAX))] = QuoteStatus.ABSURD_VOL
    return columns[0], vol_mid, columns[2]


def _exercise_spot(draft: _Draft, forward: Floats) -> Floats:
    """What an American option delivers on exercise: the future where one is the underlying, spot otherwise."""
    on_future = np.isfinite(_by_row(draft, draft.slice_future, np.nan))
    return np.where(on_future, forward, _by_row(draft, draft.slice_spot, np.nan))


def _american_quotes(draft: _Draft, rows: Ints) -> AmericanQuotes:
    """American options and what they stand on; a future as underlying pays no dividends."""
    table = draft.table
    of = table.slice_of[rows]
    years, amounts, met = schedules(
        [paid.years for paid in draft.dividends],
        [paid.amount for paid in draft.dividends],
        table.underlying_of_slice,
        np.isfinite(draft.slice_future),
    )
    return AmericanQuotes(
        spot=draft.slice_spot[of],
        strike=table.strike[rows],
        sign=table.sign[rows],
        years=draft.years[rows],
        rate=draft.slice_rate[of],
        dividend_yield=draft.slice_yield[of],
        dividend_years=years,
        dividend_amounts=amounts,
        schedule=met[of],
    )


def _fit(draft: _Draft, forward: Floats, vols: tuple[Floats, Floats, Floats]) -> Fitted:
    """Fit the surfaces; say why of the expiries that no surface speaks of, and which are read from their neighbours."""
    alive = np.flatnonzero([not reason for reason in draft.reasons])
    fitted = fit_surfaces(
        draft.table,
        draft.state.surfaces,
        alive=alive,
        slice_years=draft.slice_variance_years,
        forward=forward,
        status=draft.status,
        vols=vols,
    )
    for s in alive.tolist():
        surface, at = fitted.surfaces[int(draft.table.underlying_of_slice[s])], int(fitted.slice_at[s])
        if not np.isfinite(fitted.atm_vol[s]):
            draft.reasons[s] = NO_SMILE
        elif surface is not None and surface.slices[at].reason:
            read = f"its smile is read from its neighbours: {surface.slices[at].reason}"
            draft.warnings[s] = "; ".join(filter(None, (draft.warnings[s], read)))
    return fitted
