"""What a report says of a recorded day: what was played, and what such a day cannot tell."""

from flatbook.adapters.scenario_file.read import ScenarioFile
from flatbook.model.errors import Fault, FaultsError, InvalidValueError
from flatbook.reports.numbers import percent, tally
from flatbook.sim.recorded.orders import coverage
from flatbook.sim.recorded.world import recorded_world

_NOTES = (
    (
        "The market is a recording, {source}: it DOES NOT REACT TO THE DESK. Nobody answers its quotes, what it trades moves no "
        "price, and a customer whom it wins was taken from nobody. So this is no forecast of what a desk would have made."
    ),
    (
        "Customers are the recorded trades: {orders} out of {trades} with a trade in the {series} played, of {of_trades} in all "
        "{of_series}; each comes in the middle of its bar, at its bar's last price and for all its contracts. The side of {by_quotes} is "
        "told by the quotes, of {by_last_trade} by the trade before; {unknown} are left out as nobody can tell."
    ),
    (
        "A seed draws latencies, faults and assignments alone: market and customers are the same on every seed. Days of several seeds "
        "are one day, and intervals over them say nothing about other days."
    ),
    (
        "Worth is the middle of the recorded quotes, and where a side is missing the last middle there was: the book is marked by it at "
        "the close. What the desk hedges with is quoted around its recorded price at the desk file's spread, {depth} a side."
    ),
)


def notes_of(file: ScenarioFile) -> tuple[str, ...]:
    """Notes on the recorded day of a scenario; none where its market is made up.

    Raises
    ------
    FaultsError
        What the scenario asks for, or what its desk hedges with, is not in the recording.
    """
    terms, recording = file.scenario.recorded, file.recording()
    if terms is None or recording is None:
        return ()
    try:
        market, orders = recorded_world(terms, recording, file.desk.desk.hedges)
    except InvalidValueError as e:
        fault = Fault(
            where=f"{file.scenario.name}, recorded",
            found=str(e),
            expected="what the recording holds",
            action="correct the scenario or its desk file",
        )
        raise FaultsError([fault]) from None
    seen = coverage(market)
    told = {
        "source": recording.source,
        "orders": tally(len(orders), "order"),
        "trades": tally(seen.trades, "bar"),
        "series": tally(seen.series, "series", "series"),
        "of_trades": f"{seen.of_trades:,d}",
        "of_series": f"{seen.of_series:,d}",
        "by_quotes": percent(seen.by_quotes_share, 1),
        "by_last_trade": percent(seen.by_last_trade_share, 1),
        "unknown": percent(seen.unknown_share, 1),
        "depth": f"{terms.hedge_depth:,d}",
    }
    return tuple(text.format(**told) for text in _NOTES)
