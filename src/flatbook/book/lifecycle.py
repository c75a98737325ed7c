"""Series that are over, exercises and adjustments: each counts once, and the book depends only on the set of them.

A settlement is no booking but a rule: from then on the series holds nothing, and its cash is that of its fills plus what they add up to
times the payoff. So a fill, correction or bust that is told later settles too, and an order of events has no meaning. A payoff that
is no whole tick is rounded once, half to even, to a billionth of a tick a contract (of a coin-settled future to 1e-18 contracts a tick
of price), read as the decimal that was told; all sums of it are whole numbers.

An option that delivers leaves by `Exercised`, as far as it is exercised or assigned; `SeriesSettled` takes what is left for nothing, whether
it was out of the money or nobody exercised it.
"""

from fractions import Fraction

from flatbook.book.position import INVERSE_UNITS, TICK_UNITS, Movement
from flatbook.book.state import Book, Moved, Settlement, move, note_conflict
from flatbook.model.errors import InvalidValueError
from flatbook.model.instruments import Instrument, Kind, Payoff
from flatbook.model.lifecycle_events import Exercised, PositionAdjusted, SeriesSettled
from flatbook.model.table import InstrumentTable


def settle_series(book: Book, table: InstrumentTable, event: SeriesSettled) -> None:
    """Let a series be over; the latest settlement of it holds.

    Raises
    ------
    InvalidValueError
        The contract never expires, or pays in coin and the price has no reciprocal.
    """
    known = book.settlements.get(event.settlement_id)
    if known is not None:
        note_conflict(book, known[1], event)
        return
    row = table.row_of(event.instrument)
    item = table.instruments[row]
    if item.kind is Kind.SHARE:
        msg = f"settlement {event.settlement_id} of {event.instrument}: a share is never settled; adjust the position"
        raise InvalidValueError(msg)
    units = 0 if item.delivers else _payoff_units(item, event.settlement_price)
    book.settlements[event.settlement_id] = row, event
    before = book.settled.get(row)
    if before is None or _order(event) > _order(before.event):
        book.settled[row] = Settlement(event=event, units=units)
        book.moved.add(row)


def exercise(book: Book, table: InstrumentTable, event: Exercised) -> None:
    """Take out contracts that were exercised or assigned, and book what they brought.

    Raises
    ------
    InvalidValueError
        It is no option, it delivers what it cannot, or no whole number of contracts.
    """
    known = book.exercises.get(event.exercise_id)
    if known is not None:
        note_conflict(book, known.event, event)
        return
    row = table.row_of(event.instrument)
    item = table.instruments[row]
    if item.right is None:
        raise _refused(event, "only options are exercised")
    moves = [(row, -event.quantity)]
    if event.delivered:
        to = table.row_of(event.delivered)
        contracts, price = _delivery(item, table.instruments[to], event)
        paid = Movement(quantity=contracts, cash_units=-contracts * price)
        cash = 0
        move(book, to, event.account, event.strategy, paid)
        moves.append((to, contracts))
    else:
        cash = event.quantity * _payoff_units(item, event.settlement_price)
    gone = Movement(quantity=-event.quantity, cash_units=cash, fee=event.fee)
    move(book, row, event.account, event.strategy, gone)
    book.exercises[event.exercise_id] = Moved(event=event, contracts=tuple(moves))


def adjust_position(book: Book, table: InstrumentTable, event: PositionAdjusted) -> None:
    """Book contracts that a person accepts."""
    known = book.adjustments.get(event.adjustment_id)
    if known is not None:
        note_conflict(book, known.event, event)
        return
    row, price = table.row_of(event.instrument), event.price_ticks
    movement = Movement(
        quantity=event.quantity,
        cash_units=-event.quantity * price * TICK_UNITS,
        inverse_units=event.quantity * INVERSE_UNITS // price if price > 0 else 0,
        prices_not_positive=int(price <= 0),
    )
    move(book, row, event.account, event.strategy, movement)
    book.adjustments[event.adjustment_id] = Moved(event=event, contracts=((row, event.quantity),))


def _payoff_units(item: Instrument, price: float) -> int:
    """What a contract that is over is worth, as `Settlement.units`."""
    last, coin = _decimal(price), item.payoff is Payoff.INVERSE
    if coin and last <= 0:
        msg = f"{item.symbol!r} pays in coin: its settlement price must be above 0, was {price}"
        raise InvalidValueError(msg)
    if item.right is None:
        return round(INVERSE_UNITS / (last * item.ticks_per_unit)) if coin else _tick_units(last, item)
    worth = max(int(item.right) * (last - _decimal(item.strike)), Fraction(0))
    return _tick_units(worth / last if coin else worth, item)


def _delivery(item: Instrument, delivered: Instrument, event: Exercised) -> tuple[int, int]:
    """Contracts that come (minus: that go) for a long or short position, and the strike in billionths of a tick of theirs."""
    if not item.delivers or delivered.kind is Kind.OPTION or delivered.payoff is Payoff.INVERSE:
        raise _refused(event, f"it does not deliver {delivered.symbol!r}")
    assert item.right is not None, "an option has a right"
    units = _decimal(item.multiplier) / _decimal(delivered.multiplier)
    contracts = int(item.right) * event.quantity * units
    if contracts.denominator != 1:
        raise _refused(event, f"{contracts} contracts of {delivered.symbol!r} are no whole number")
    return int(contracts), _tick_units(_decimal(item.strike), delivered)


def _tick_units(price: Fraction, item: Instrument) -> int:
    return round(price * item.ticks_per_unit * TICK_UNITS)


def _decimal(value: float) -> Fraction:
    """The decimal that somebody wrote."""
    return Fraction(repr(float(value)))


def _order(event: SeriesSettled) -> tuple[int, str]:
    return event.settled_ns, event.settlement_id


def _refused(event: Exercised, why: str) -> InvalidValueError:
    return InvalidValueError(f"exercise {event.exercise_id} of {event.instrument}: {why}")
