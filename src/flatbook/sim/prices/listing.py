"""The contracts of a simulated day: of each underlying its options by class, expiry and strike, the call before the put, then its hedges."""

from datetime import UTC, datetime

import numpy as np

from flatbook.market.clock import NS_PER_DAY, tau
from flatbook.model.instruments import Delivery, Instrument, Kind, Right, Settlement, Style
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.model.world_price_terms import ClassTerms, HedgePriceTerms, UnderlyingPriceTerms
from flatbook.sim.prices.session import Session


def listed(session: Session) -> InstrumentTable:
    """The table of all contracts; its underlyings stand in the order of the terms."""
    items: list[Instrument] = []
    for one in session.terms.underlyings:
        items += [option for each in one.classes for option in _options(session, one, each)]
        items += [
            _hedge(session, one, each) for each in session.terms.hedges if each.underlying == one.symbol
        ]
    return InstrumentTable(version=1, instruments=tuple(items))


def carried(session: Session, hedge: HedgePriceTerms, now_ns: Ints) -> Floats:
    """A future's price over that of what it settles on, e^((rate - dividend yield + carry) T), float64[m]; 1 for others."""
    if hedge.kind is not Kind.FUTURE:
        return np.ones(now_ns.size)
    terms = session.terms
    yields = next(one.dividend_yield for one in terms.underlyings if one.symbol == hedge.underlying)
    expiry_ns = np.array([_future_expiry_ns(session, hedge)], dtype=np.int64)
    years = tau(session.open_ns, expiry_ns) - tau(session.open_ns, now_ns)
    return np.asarray(np.exp((terms.rate - yields + hedge.carry) * years))


def expiries(session: Session, terms: ClassTerms) -> tuple[int, ...]:
    """Expiry instants of a class, ascending, UTC nanoseconds."""
    at_close = session.open_ns if terms.settlement is Settlement.AM else session.close_ns
    later = [at_close + days * NS_PER_DAY for days in terms.expiry_days]
    return tuple(sorted({*later, *(session.instant(minute) for minute in terms.expiry_minutes)}))


def strikes(one: UnderlyingPriceTerms, terms: ClassTerms) -> tuple[float, ...]:
    """Strikes of each expiry of a class, ascending."""
    lowest = round(one.spot / terms.strike_spacing) - terms.strikes // 2
    return tuple((lowest + number) * terms.strike_spacing for number in range(terms.strikes))


def _options(session: Session, one: UnderlyingPriceTerms, terms: ClassTerms) -> list[Instrument]:
    delivery = Delivery.PHYSICAL if terms.style is Style.AMERICAN else Delivery.CASH
    return [
        Instrument(
            symbol=f"{terms.name}-{_day(session, expiry_ns)}-{'C' if right is Right.CALL else 'P'}-{strike:.10g}",
            underlying=one.symbol,
            option_class=terms.name,
            kind=Kind.OPTION,
            multiplier=terms.multiplier,
            currency=session.terms.currency,
            ticks_per_unit=terms.ticks_per_unit,
            tick_table=terms.tick_table,
            expiry_ns=expiry_ns,
            strike=strike,
            right=right,
            style=terms.style,
            settlement=terms.settlement,
            delivery=delivery,
        )
        for expiry_ns in expiries(session, terms)
        for strike in strikes(one, terms)
        for right in (Right.CALL, Right.PUT)
    ]


def _hedge(session: Session, one: UnderlyingPriceTerms, hedge: HedgePriceTerms) -> Instrument:
    opens = np.array([session.open_ns], dtype=np.int64)
    return Instrument(
        symbol=hedge.symbol,
        underlying=one.symbol,
        kind=hedge.kind,
        multiplier=hedge.multiplier,
        currency=session.terms.currency,
        ticks_per_unit=hedge.ticks_per_unit,
        tick_table=hedge.tick_table,
        expiry_ns=_future_expiry_ns(session, hedge) if hedge.kind is Kind.FUTURE else 0,
        beta=hedge.beta,
        price_ratio=hedge.price_ratio * float(carried(session, hedge, opens)[0]),
    )


def _future_expiry_ns(session: Session, hedge: HedgePriceTerms) -> int:
    return session.close_ns + hedge.expiry_days * NS_PER_DAY


def _day(session: Session, expiry_ns: int) -> str:
    """Day in UTC of an expiry, and the time of one within the session before its close."""
    at = datetime.fromtimestamp(expiry_ns // 1_000_000_000, tz=UTC)
    within = session.open_ns < expiry_ns < session.close_ns
    return f"{at:%Y%m%d}T{at:%H%M}" if within else f"{at:%Y%m%d}"
