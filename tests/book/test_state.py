"""Each fill, correction and bust counts once, in any order; the book agrees with the naive one at every step."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.book.naive_book import NaiveBook
from tests.book.streams import SYMBOLS, key, stories, unambiguous

from flatbook.book.position import FLAT
from flatbook.book.state import Book, book_fill, bust_fill, correct_fill
from flatbook.model.events import Capacity, Fill, FillBusted, FillCorrected
from flatbook.model.instruments import Side


def tell(book, event):
    match event:
        case Fill():
            book_fill(book, SYMBOLS.index(event.instrument), event)
        case FillCorrected():
            correct_fill(book, event)
        case FillBusted():
            bust_fill(book, event)


def book_of(events):
    book = Book()
    for event in events:
        tell(book, event)
    return book


def standing(book):
    return book.positions, book.held, sorted(name for _, name in book.waiting), book.fills_with_capacity


@settings(max_examples=600, deadline=None)
@given(stories)
def test_the_book_is_the_naive_book_after_every_event(events):
    book, naive = Book(), NaiveBook()
    for event in events:
        tell(book, event)
        naive.add(SYMBOLS.index(event.instrument) if isinstance(event, Fill) else -1, event)

        assert naive.positions() == book.positions
        assert naive.held() == book.held
        assert naive.pending() == sorted(name for _, name in book.waiting)


@settings(max_examples=300, deadline=None)
@given(unambiguous, st.randoms(use_true_random=False))
def test_any_order_with_any_repeats_gives_the_same_book(events, random):
    repeated = events + random.choices(events, k=len(events)) if events else []
    shuffled = random.sample(repeated, len(repeated))

    assert standing(book_of(events)) == standing(book_of(shuffled))
    assert book_of(shuffled).conflicts == {}


@settings(max_examples=200, deadline=None)
@given(unambiguous)
def test_fills_that_are_all_busted_leave_nothing(events):
    busts = [
        FillBusted(received_ns=0, bust_id=f"undo {e.fill_id}", fill_id=e.fill_id)
        for e in events
        if isinstance(e, Fill)
    ]
    book = book_of(busts + events)

    assert (book.positions, book.fills_with_capacity) == ({}, 0)


@settings(max_examples=200, deadline=None)
@given(stories)
def test_a_book_counts_its_fills_with_capacity_and_its_conflicts(events):
    book, firsts, refused = book_of(events), {}, set()
    for event in events:
        first = firsts.setdefault(key(event), event)
        if repr(replace(event, received_ns=0)) != repr(replace(first, received_ns=0)):
            refused.add(repr(replace(event, received_ns=0)))

    assert refused == {repr(replace(each.refused, received_ns=0)) for each in book.conflicts.values()}
    assert len(refused) == len(book.conflicts)
    live = [case for case in book.cases.values() if case.terms is not None]
    assert sum(case.fill.capacity is not Capacity.UNKNOWN for case in live) == book.fills_with_capacity


def test_a_repeat_received_later_is_no_conflict():
    fill = _fill()

    book = book_of([fill, replace(fill, received_ns=99, sequence=7)])

    assert (book.positions[0].fills, book.conflicts) == (1, {})


def test_a_repeat_of_an_unknown_fee_is_no_conflict():
    fill = replace(_fill(), fee=float("nan"))

    assert book_of([fill, replace(fill, fee=float("nan"))]).conflicts == {}


def test_the_same_id_with_another_price_is_kept_as_a_conflict_and_the_first_holds():
    first, other = _fill(), replace(_fill(), price_ticks=101)

    book = book_of([first, other, other])

    assert book.positions[0].cash_ticks == -100
    assert [(first, other)] == [(each.held, each.refused) for each in book.conflicts.values()]


def test_a_bust_before_its_fill_waits_for_it():
    bust = FillBusted(received_ns=0, bust_id="b", fill_id="f")

    early = book_of([bust])
    assert {("FillBusted", "b")} == early.waiting
    tell(early, _fill())
    assert (set(), {}) == (early.waiting, early.positions)


def test_the_latest_correction_holds_and_a_tie_goes_to_the_greater_id():
    corrections = [
        _correction("c1", "f", 2, 10),
        _correction("c3", "f", 3, 20),
        _correction("c2", "f", 4, 20),
    ]

    for order in (corrections, corrections[::-1]):
        assert book_of([*order, _fill()]).positions[0].quantity == 3


def test_a_correction_of_a_correction_reaches_the_fill():
    chain = [_correction("c2", "c1", 7, 30), _correction("c1", "f", 2, 40)]

    book = book_of([_fill(), *chain])

    assert (2, set()) == (book.positions[0].quantity, book.waiting)
    assert book_of([_fill(), _correction("c1", "f", 2, 20), chain[0]]).positions[0].quantity == 7


def test_a_bust_of_a_corrected_fill_is_final():
    after = _correction("c2", "c1", 7, 99)

    book = book_of(
        [_fill(), _correction("c1", "f", 2, 1), FillBusted(received_ns=0, bust_id="b", fill_id="c1"), after]
    )

    assert book.positions == {}


def test_a_venue_that_numbers_a_correction_like_its_fill_is_understood():
    same = _correction("f", "f", 5, 1)

    assert book_of([_fill(), same]).positions[0].quantity == 5
    assert book_of([same, _fill()]).positions[0].quantity == 5


def test_a_corrected_fill_keeps_its_fee_and_its_side():
    sold = replace(_fill(), side=Side.SELL, fee=1.5)

    position = book_of([sold, _correction("c", "f", 4, 1)]).positions[0]

    assert (position.quantity, position.fees, position.sold, position.bought) == (-4, 1.5, 4, 0)


def test_a_long_chain_of_corrections_told_backwards_ends_at_its_fill():
    chain = [_correction(f"c{n:03}", f"c{n - 1:03}", n + 1, n) for n in range(200, 0, -1)]

    book = book_of([*chain, _correction("c000", "f", 1, 0), _fill()])

    assert (201, set()) == (book.positions[0].quantity, book.waiting)


def test_a_name_that_comes_to_mean_a_circle_lets_go_of_the_fill_it_meant():
    """`x` named a bust of the fill; then a correction `x` comes, and it hangs on what hangs on it."""
    events = [_fill(), FillBusted(received_ns=0, bust_id="x", fill_id="g"), _correction("y", "x", 5, 1)]
    other = replace(_fill(), fill_id="g")
    circle = _correction("x", "y", 6, 2)

    for order in ([*events, other, circle], [circle, *events, other]):
        book = book_of(order)
        assert (sorted(name for _, name in book.waiting), book.positions[0].fills) == (["x", "y"], 1)


def test_an_untraded_row_has_no_entry():
    assert book_of([]).positions.get(0, FLAT) == FLAT


def _fill():
    return Fill(
        received_ns=1, fill_id="f", instrument="A", side=Side.BUY, quantity=1, price_ticks=100, traded_ns=1
    )


def _correction(own, of, quantity, at):
    return FillCorrected(
        received_ns=0, correction_id=own, fill_id=of, quantity=quantity, price_ticks=100, corrected_ns=at
    )
