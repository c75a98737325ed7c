"""The sheets of one cycle: expiry, early exercise, dated events, and a history of days."""

from dataclasses import dataclass

from flatbook.exposure.exercise_sheet import ExerciseLine, ExerciseRules, exercise_sheet
from flatbook.exposure.expiry_sheet import ExpiryLine, ExpiryRules, expiry_sheet
from flatbook.exposure.historical import Historical, historical
from flatbook.exposure.jumps import EventScenario, event_scenarios
from flatbook.market.view import MarketView
from flatbook.model.factor_terms import FactorTerms
from flatbook.model.table import Ints
from flatbook.valuation.values import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheets:
    """What is held against expiries, ex-dates, events and the past."""

    expiries: tuple[ExpiryLine, ...]
    exercises: tuple[ExerciseLine, ...]
    events: tuple[EventScenario, ...]
    history: Historical | None  # None: no history was given
    day_ns: tuple[int, ...]  # of each day of the history, UTC nanoseconds


def scenario_sheets(
    quantity: Ints,
    values: Values,
    market: MarketView,
    *,
    past: Historical | None = None,
    expiry_rules: ExpiryRules | None = None,
    exercise_rules: ExerciseRules | None = None,
    terms: FactorTerms | None = None,
) -> Sheets:
    """Write the sheets of a book.

    Parameters
    ----------
    quantity : int64[n_rows]
        Net contracts.
    values, market
        The base.
    past : Historical, optional
        Of the same book, as `past_days` finds it.
    expiry_rules, exercise_rules
        How options are exercised, and how holders behave.
    terms : FactorTerms, optional
        For the tail of dated events.
    """
    terms = terms or FactorTerms()
    return Sheets(
        expiries=expiry_sheet(quantity, values, market, rules=expiry_rules),
        exercises=exercise_sheet(quantity, values, market, rules=exercise_rules),
        events=event_scenarios(
            quantity,
            values,
            market,
            tail=terms.event_tail_deviations,
            tail_probability=terms.event_tail_probability,
        ),
        history=past,
        day_ns=() if past is None else tuple(market.history.day_ns.tolist()),
    )


def past_days(quantity: Ints, values: Values, market: MarketView) -> Historical | None:
    """The book over the days of the market's history; None where it has none.

    Underlyings that it does not know leave the desk without a day that counts where they are held.
    """
    if not market.history.day_ns.size:
        return None
    past = market.history.of(market.table.underlyings)
    return historical(quantity, values, market, past.moves, past.vol_points)
