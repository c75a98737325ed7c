"""What a desk is told before a simulated day opens: listings, rates, sessions, and the closes of days before."""

import numpy as np

from flatbook.market.clock import NS_PER_DAY
from flatbook.model.events import HistorySeen, InstrumentsListed, RatesSeen, SessionsSeen
from flatbook.model.facts import Fact
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.model.world_price_terms import SmileTerms
from flatbook.sim.chance import stream
from flatbook.sim.prices.path import correlation_of
from flatbook.sim.prices.processes import correlated, reverting, triangle
from flatbook.sim.prices.session import MINUTE_NS, Session

_BEFORE_NS = 5 * MINUTE_NS  # the open
_RATE_YEARS = (1, 10)
_HISTORY_YEARS = 30.0 / CALENDAR_DAYS  # of the volatility that history tells
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0
_SATURDAY = 5


def opening_facts(session: Session, table: InstrumentTable, seed: int) -> tuple[Fact, ...]:
    """In the order in which they are told, all five minutes before the open."""
    terms, told_ns = session.terms, session.open_ns - _BEFORE_NS
    later = terms.next_open_days * NS_PER_DAY
    facts: tuple[Fact, ...] = (
        InstrumentsListed(received_ns=told_ns, instruments=table.instruments),
        RatesSeen(
            received_ns=told_ns,
            currency=terms.currency,
            maturity_ns=tuple(session.open_ns + years * 365 * NS_PER_DAY for years in _RATE_YEARS),
            rate=(terms.rate,) * len(_RATE_YEARS),
        ),
        SessionsSeen(
            received_ns=told_ns,
            calendar=terms.calendar,
            underlyings=table.underlyings,
            open_ns=(session.open_ns, session.open_ns + later),
            close_ns=(session.close_ns, session.close_ns + later),
        ),
    )
    return facts + _history(session, told_ns, seed)


def _history(session: Session, told_ns: int, seed: int) -> tuple[Fact, ...]:
    """Daily closes that end at the open's price, with the volatilities and correlations of the terms; none on weekends."""
    terms = session.terms
    days = _weekdays_before(session.open_ns // NS_PER_DAY, terms.history_days)
    if not days.size:
        return ()
    lower, chance = triangle(correlation_of(terms)), stream(seed, "prices/history")
    years = np.diff(np.append(days, session.open_ns // NS_PER_DAY)) / CALENDAR_DAYS
    normals = correlated(lower, days.size, chance)
    own = chance.normals(normals.size).reshape(normals.shape)
    smiles = [one.smile for one in terms.underlyings]
    vol = np.array([one.smile.vol_near * one.realised_over_implied for one in terms.underlyings])
    moves = vol * np.sqrt(years)[:, None] * normals - 0.5 * vol**2 * years[:, None]
    to_open = np.cumsum(moves[::-1], axis=0)[::-1]
    with_spot = np.array([smile.spot_correlation for smile in smiles])
    level = reverting(
        with_spot * normals + np.sqrt(1.0 - with_spot**2) * own,
        np.array([smile.level_deviation for smile in smiles]),
        np.array([smile.level_reversion for smile in smiles]),
        years,
    )[1:]
    return tuple(
        HistorySeen(
            received_ns=told_ns,
            underlying=one.symbol,
            day_ns=tuple((days * NS_PER_DAY).tolist()),
            close=tuple((one.spot * np.exp(-to_open[:, u])).tolist()),
            vol=tuple(_vol_of_history(one.smile, level[:, u]).tolist()),
        )
        for u, one in enumerate(terms.underlyings)
    )


def _vol_of_history(smile: SmileTerms, level: Floats) -> Floats:
    """At the money at 30 days, where the log of near volatility stands `level` above that of the terms."""
    near = smile.vol_near * np.exp(level)
    far = smile.vol_far * np.exp(smile.far_response * level)
    share = smile.pull_years * -np.expm1(-_HISTORY_YEARS / smile.pull_years) / _HISTORY_YEARS
    return np.asarray(np.sqrt(far**2 + (near**2 - far**2) * share))


def _weekdays_before(day: int, count: int) -> Ints:
    """The last weekdays before a day, int64[count], ascending, in days since 1970."""
    before = np.arange(day - 2 * count - 7, day, dtype=np.int64)
    weekdays = before[(before + _EPOCH_WEEKDAY) % 7 < _SATURDAY]
    return weekdays[weekdays.size - count :]
