"""What changes hands on exercise: told by style and payoff, unless the contract says so itself."""

import pytest

from flatbook.journal.codec import decode, encode
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import InstrumentsListed
from flatbook.model.instruments import Delivery, Payoff, Right, Style
from flatbook.model.table import InstrumentTable
from tests.worlds import NOW_NS, option, share


def an_option(**more):
    return option("X", 100.0, 30, Right.CALL, **more)


def test_without_a_word_americans_deliver_and_europeans_settle_in_cash():
    """Equity options bring shares; index options and what is paid in coin do not; a share delivers nothing."""
    listed = (
        an_option(style=Style.AMERICAN),
        an_option(style=Style.EUROPEAN),
        an_option(style=Style.AMERICAN, payoff=Payoff.INVERSE),
        share(),
    )

    assert InstrumentTable(version=1, instruments=listed).delivers.tolist() == [True, False, False, False]


def test_a_contract_may_say_so_itself():
    """An American index option in cash, a European one on shares."""
    assert not an_option(style=Style.AMERICAN, delivery=Delivery.CASH).delivers
    assert an_option(style=Style.EUROPEAN, delivery=Delivery.PHYSICAL).delivers
    with pytest.raises(InvalidValueError, match="delivered in cash"):
        an_option(payoff=Payoff.INVERSE, delivery=Delivery.PHYSICAL)


@pytest.mark.parametrize("delivery", [None, Delivery.CASH, Delivery.PHYSICAL])
def test_a_journal_keeps_it_and_says_nothing_where_nothing_was_said(delivery):
    """Journals written before there was a word for it read the same."""
    event = InstrumentsListed(received_ns=NOW_NS, sequence=1, instruments=(an_option(delivery=delivery),))

    assert decode(encode(event)) == event
    assert (b"delivery" in encode(event)) == (delivery is not None)
