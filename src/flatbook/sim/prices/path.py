"""The path of a whole day: spot, what its smile is made of, halts, and how nervous everybody is.

Log spot moves in a step of h variance years by N(-v / 2, v), v = (1 - jump share) (near volatility x realised over implied)^2 h, and by
jumps that hold the rest; the level of volatility is scaled so that its expected square is 1. So the variance of a day is that of the
near smile at the open, times realised over implied, squared, whatever the volatility of volatility.

Pins: the mechanism is that of M. Avellaneda, M. Lipkin, "A market-induced mechanism for stock pinning", Quantitative Finance 3 (2003)
417-425, whose pull grows as expiry nears; here it is told by its strength alone.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.table import Bools, Floats, Ints
from flatbook.model.world_price_terms import PinTerms, PriceTerms, UnderlyingPriceTerms
from flatbook.sim.chance import stream
from flatbook.sim.prices.listing import strikes
from flatbook.sim.prices.processes import correlated, jump_steps, reverting, reverting_variance, triangle
from flatbook.sim.prices.session import Session

_OPEN_FADE_MINUTES = 10.0
_LARGEST_TILT = 0.95
_LARGEST_SMILE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Path:
    """A day, float64[n, U] but for `halted` and `jump_steps`; a halted underlying stands at what it was before."""

    spot: Floats
    level: Floats  # of near volatility, over that of the open; regimes are not in it
    near_vol: Floats  # implied, at the money, of an expiry that is near
    far_vol: Floats
    tilt: Floats
    wings: Floats
    realised_vol: Floats  # annual, of the step that follows
    scale: Floats  # what regimes and news multiply realised volatility by
    halted: Bools
    unease: Floats  # of everybody's spreads, from 1
    depth: Floats  # of everybody's sizes
    jump_steps: Ints  # int64[j]: a jump falls between moment k and the next


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Multipliers:
    """What regimes and news make of a day, float64[n, U]."""

    realised: Floats
    implied: Floats
    news: Floats  # of near volatility: what a drop after news leaves
    spread: Floats
    depth: Floats


def correlation_of(terms: PriceTerms) -> tuple[tuple[float, ...], ...]:
    """Of the returns of all underlyings: as told, or from each one's with the first."""
    if terms.correlation:
        return terms.correlation
    to_first = (1.0, *(one.index_correlation for one in terms.underlyings[1:]))
    return tuple(
        tuple(1.0 if i == j else a * b for j, b in enumerate(to_first)) for i, a in enumerate(to_first)
    )


def path_of(session: Session, seed: int) -> Path:
    """Draw a day."""
    terms = session.terms
    n, years = session.at_ns.size, np.diff(session.passed) * session.variance_years
    lower = triangle(correlation_of(terms))
    normals = correlated(lower, n - 1, stream(seed, "prices/returns"))
    moved = _moved(session, normals, years, seed)
    many = _multipliers(session)
    level = moved[0] * many.news
    smiles = [one.smile for one in terms.underlyings]
    ratio = _column(terms, "realised_over_implied")
    base = np.array([[smile.vol_near for smile in smiles]])
    realised = base * ratio * level * many.realised
    steps = jump_steps(terms.jumps_per_day, session.passed, stream(seed, "prices/jump times"))
    jumps = _jumps(session, realised, steps, lower, seed)
    log_return = _log_returns(session, normals, realised, years) + jumps + _news(session, seed)
    spot = _spot(session, log_return)
    halted = _halted(session)
    response = np.array([smile.far_response for smile in smiles])
    far = np.array([smile.vol_far for smile in smiles]) * level**response * np.exp(moved[1])
    still = _last_moving(halted)
    return Path(
        spot=np.take_along_axis(spot, still, 0),
        level=np.take_along_axis(level, still, 0),
        near_vol=np.take_along_axis(base * level * many.implied, still, 0),
        far_vol=np.take_along_axis(far * many.implied, still, 0),
        tilt=np.take_along_axis(moved[2], still, 0),
        wings=np.take_along_axis(moved[3], still, 0),
        realised_vol=realised,
        scale=many.realised * many.news,
        halted=halted,
        unease=_unease(session, steps, halted) * many.spread,
        depth=many.depth * session.volume[:, None],
        jump_steps=steps,
    )


def _column(terms: PriceTerms, name: str) -> Floats:
    return np.array([float(getattr(one, name)) for one in terms.underlyings])


def _moved(session: Session, normals: Floats, years: Floats, seed: int) -> tuple[Floats, ...]:
    """Level of near volatility with a mean square of 1, log of far, tilt and wings, float64[n, U] each."""
    smiles = [one.smile for one in session.terms.underlyings]
    chance, count = stream(seed, "prices/volatility"), len(smiles)
    own = chance.normals(years.size * 4 * count).reshape(years.size, 4, count)
    with_spot = np.array([smile.spot_correlation for smile in smiles])
    own[:, 0] = with_spot * normals + np.sqrt(1.0 - with_spot**2) * own[:, 0]
    names = ("level_deviation", "term_deviation", "skew_deviation", "curvature_deviation")
    deviation = np.array([getattr(smile, name) for name in names for smile in smiles])
    reverts = ("level_reversion", "shape_reversion", "shape_reversion", "shape_reversion")
    reversion = np.array([getattr(smile, name) for name in reverts for smile in smiles])
    found = reverting(own.reshape(years.size, -1), deviation, reversion, years)
    variance = reverting_variance(deviation, reversion, years)[:, :count]
    level, term, skew, curvature = np.split(found, 4, axis=1)
    tilt = np.clip(np.array([smile.tilt for smile in smiles]) + skew, -_LARGEST_TILT, _LARGEST_TILT)
    wings = np.array([smile.wings for smile in smiles]) * np.exp(curvature)
    return np.exp(level - variance), term, tilt, np.minimum(wings, _LARGEST_SMILE / (1.0 + np.abs(tilt)))


def _applies(session: Session, underlying: str) -> Bools:
    return np.array([underlying in ("", one.symbol) for one in session.terms.underlyings], dtype=np.bool_)


def _during(session: Session, from_minute: float, to_minute: float) -> Bools:
    return np.asarray((session.minute >= from_minute) & (session.minute < to_minute))


def _multipliers(session: Session) -> _Multipliers:
    shape = (session.at_ns.size, len(session.terms.underlyings))
    out = _Multipliers(
        realised=np.ones(shape),
        implied=np.ones(shape),
        news=np.ones(shape),
        spread=np.ones(shape),
        depth=np.ones(shape),
    )
    for regime in session.terms.regimes:
        where = np.ix_(
            _during(session, regime.from_minute, regime.to_minute), _applies(session, regime.underlying)
        )
        out.realised[where] *= regime.realised_multiplier
        out.implied[where] *= regime.implied_multiplier
        out.spread[where] *= regime.spread_multiplier
        out.depth[where] *= regime.depth_multiplier
    for event in session.terms.events:
        after = session.at_ns >= session.instant(event.minute)
        out.news[np.ix_(after, _applies(session, event.underlying))] *= 1.0 - event.vol_drop
    return out


def _log_returns(session: Session, normals: Floats, realised: Floats, years: Floats) -> Floats:
    """Of each step, without jumps and news, float64[n - 1, U]; the expected price moves by the drift."""
    terms = session.terms
    share = terms.jump_variance_share if terms.jumps_per_day > 0.0 else 0.0
    variance = (1.0 - share) * realised[:-1] ** 2 * years[:, None]
    calendar = np.diff(session.calendar_years)[:, None] * _column(terms, "drift")
    return np.asarray(calendar - 0.5 * variance + np.sqrt(variance) * normals)


def _jumps(session: Session, realised: Floats, steps: Ints, lower: Floats, seed: int) -> Floats:
    """Log jumps of each step, float64[n - 1, U]: together they hold their share of the day's variance on average."""
    terms = session.terms
    out = np.zeros((realised.shape[0] - 1, realised.shape[1]))
    if not steps.size:
        return out
    normals = correlated(lower, steps.size, stream(seed, "prices/jump sizes"))
    each_years = terms.jump_variance_share * session.variance_years / terms.jumps_per_day
    deviation = realised[steps] * np.sqrt(each_years)
    np.add.at(out, steps, deviation * normals - 0.5 * deviation**2)
    return out


def _news(session: Session, seed: int) -> Floats:
    """Log moves of dated events, float64[n - 1, U], in the step that ends at or just after each."""
    out = np.zeros((session.at_ns.size - 1, len(session.terms.underlyings)))
    for number, event in enumerate(session.terms.events):
        drawn = stream(seed, f"prices/event {number} {event.name}").normal()
        step = session.index_at(session.instant(event.minute)) - 1
        if step < out.shape[0]:
            free = event.deviation * drawn - 0.5 * event.deviation**2
            out[step, _applies(session, event.underlying)] += free if event.move is None else event.move
    return out


def _spot(session: Session, log_return: Floats) -> Floats:
    """Spot at each moment, float64[n, U], drawn to strikes where something pins it."""
    terms = session.terms
    start = np.log(_column(terms, "spot"))
    out = start + np.vstack((np.zeros(start.size), np.cumsum(log_return, axis=0)))
    for pin in terms.pins:
        u = next(number for number, one in enumerate(terms.underlyings) if one.symbol == pin.underlying)
        out[:, u] = _pinned(session, terms.underlyings[u], pin, out[:, u])
    return np.asarray(np.exp(out))


def _pinned(session: Session, one: UnderlyingPriceTerms, pin: PinTerms, free: Floats) -> Floats:
    """The log of spot, float64[n]: what is left of the gap after a step is ((time left after + floor) / (before + floor))^strength."""
    first = int(np.searchsorted(session.minute, pin.expiry_minute - pin.minutes))
    last = int(np.searchsorted(session.minute, pin.expiry_minute, side="right")) - 1
    if not first < last:
        return free
    listed = [strike for terms in one.classes for strike in strikes(one, terms)]
    near = min(listed, key=lambda strike: abs(strike - float(np.exp(free[first]))), default=0.0)
    target = np.log(pin.strike or near or float(np.exp(free[first])))
    left = pin.expiry_minute - session.minute[first : last + 1] + pin.floor_minutes
    kept = (left[1:] / left[:-1]) ** pin.strength
    moves, out = np.diff(free), free.copy()
    gap = float(free[first] - target)
    for k in range(first, last):
        gap = gap * float(kept[k - first]) + float(moves[k])
        out[k + 1] = target + gap
    out[last + 1 :] = out[last] + np.cumsum(moves[last:])
    return out


def _halted(session: Session) -> Bools:
    out = np.zeros((session.at_ns.size, len(session.terms.underlyings)), dtype=np.bool_)
    for halt in session.terms.halts:
        where = np.ix_(_during(session, halt.from_minute, halt.to_minute), _applies(session, halt.underlying))
        out[where] = True
    return out


def _last_moving(halted: Bools) -> Ints:
    """The last moment at which each underlying traded, int64[n, U]; the open where there is none."""
    moving = np.where(halted, 0, np.arange(halted.shape[0])[:, None])
    return np.asarray(np.maximum.accumulate(moving, axis=0))


def _unease(session: Session, steps: Ints, halted: Bools) -> Floats:
    """How much wider everybody quotes, float64[n, U]: at the open, after jumps and news, and after a halt."""
    crowd, terms, minute = session.terms.crowd, session.terms, session.minute
    shock = np.zeros(halted.shape)
    np.add.at(shock, steps + 1, 1.0)
    for event in terms.events:
        at = session.index_at(session.instant(event.minute))
        if at < minute.size:
            shock[at, _applies(session, event.underlying)] += 1.0
    shock[1:] += halted[:-1] & ~halted[1:]
    fade = np.exp(-np.diff(minute, prepend=minute[0]) / crowd.news_minutes)
    nervous = np.zeros(halted.shape)
    for k in range(minute.size) if shock.any() else ():
        nervous[k] = (nervous[k - 1] * fade[k] if k else 0.0) + shock[k]
    opening = crowd.open_widening * np.exp(-minute / _OPEN_FADE_MINUTES)
    return np.asarray(1.0 + opening[:, None] + crowd.news_widening * nervous)
