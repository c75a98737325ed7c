"""Moments of a recording: in order of time, and many told as one."""

from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.recordings import START, forward, halt, price, quote

from flatbook.adapters.recording import Conflated, Moment, in_order
from flatbook.model.events import QuotesSeen
from flatbook.model.venue_events import TradingHalted

NAMES = ("A", "B", "C")
said = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.one_of(
            st.tuples(st.sampled_from(NAMES), st.one_of(st.none(), st.integers(1, 9))),
            st.tuples(st.just("halt"), st.booleans()),
            st.tuples(st.just("price"), st.integers(1, 9)),
        ),
    ),
    max_size=40,
)


def _fact(at_ns, what, value):
    if what == "halt":
        return halt(at_ns, value)
    return price(at_ns, float(value)) if what == "price" else quote(at_ns, what, value, value)


def _state(facts):
    """What a reader knows in the end, and every halt on the way."""
    quotes, last, halts = {}, None, []
    for fact in facts:
        if isinstance(fact, QuotesSeen):
            columns = (fact.symbols, fact.bid_ticks, fact.ask_ticks, fact.bid_sizes or fact.bid_ticks)
            quotes |= {symbol: rest for symbol, *rest in zip(*columns, strict=True)}
        elif isinstance(fact, TradingHalted):
            halts.append(fact.on)
        else:
            last = fact.price
    return quotes, last, halts


@given(said)
def test_many_moments_told_as_one_say_the_same(events):
    """Quotes and prices are the newest, no halt is lost, and nothing is told as later than it stood."""
    moments = [
        Moment(at_ns=START + at, facts=(_fact(START + at, *what),))
        for at, what in sorted(events, key=lambda e: e[0])
    ]
    conflated = Conflated()
    for moment in moments:
        conflated.add(moment.facts)
    now_ns = START + 10**12
    told = conflated.told(now_ns)

    assert bool(conflated) == bool(moments)
    assert _state(told) == _state(fact for moment in moments for fact in moment.facts)
    assert all(fact.received_ns == now_ns for fact in told)
    stood = {
        fact.symbols[0]: fact.received_ns for m in moments for fact in m.facts if isinstance(fact, QuotesSeen)
    }
    for fact in told:
        if isinstance(fact, QuotesSeen):
            assert fact.source_ns == min(stood[symbol] for symbol in fact.symbols)


def test_forwards_are_one_for_each_expiry():
    conflated = Conflated()
    conflated.add((forward(START, 1.0), forward(START + 1, 2.0)))

    (told,) = conflated.told(START + 5)

    assert (told.price, told.received_ns) == (2.0, START + 5)


@given(st.lists(st.integers(0, 20), max_size=30))
def test_time_never_falls_and_nothing_is_lost(stamps):
    """What is dated before the last is told at the last one's instant; what is of one instant comes together."""
    moments = [Moment(at_ns=START + at, facts=(price(START + at, 1.0 + k),)) for k, at in enumerate(stamps)]

    told = list(in_order(moments))

    assert [fact.price for moment in told for fact in moment.facts] == [1.0 + k for k in range(len(stamps))]
    instants = [moment.at_ns for moment in told]
    assert instants == sorted(set(instants))
    assert all(fact.received_ns == moment.at_ns for moment in told for fact in moment.facts)
    assert not stamps or instants[-1] == START + max(stamps)
