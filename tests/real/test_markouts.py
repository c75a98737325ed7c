"""Markouts on real quotes of GOOG, a quarter past eleven on 2015-12-24: a minute apart, so 60 and 300 s are told and 1 and 10 s are not."""

from contextlib import closing

import numpy as np
import pytest
from msgspec.structs import replace
from rich.console import Console

from flatbook.adapters.files.market import read_market
from flatbook.cli.markouts import report_of
from flatbook.cli.times import parse_at
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.journal.store import Journal
from flatbook.model.events import CycleDue, DeskSet, InstrumentsListed, QuotesSeen, UnderlyingQuoted
from flatbook.model.measures import Measure
from flatbook.model.parameters import UnderlyingTerms
from tests.real.test_real_chains import DATA
from tests.worlds import desk, fill

pytestmark = pytest.mark.market_data
_SERIES = ("GOOG160115C00750000", "GOOG160115P00750000")


def test_a_trade_at_the_offer_is_marked_out_a_minute_and_five_later(tmp_path):
    """Bought at the offer: half the spread is paid at once, and the middles say the rest. By hand from the file, hedged at the first delta."""
    path = DATA / "lean-goog-20151224-minute"
    if not path.exists():
        pytest.skip(f"no real market data: {path.name} is not in the data folder (set FLATBOOK_DATA)")
    files = [
        read_market(path, at_ns=parse_at(f"2015-12-24T11:{minute:02d}-05:00")) for minute in (15, 16, 20)
    ]
    (listed,) = [event for event in files[0].events if isinstance(event, InstrumentsListed)]
    the_desk = desk(underlyings=(UnderlyingTerms(symbol="GOOG", rate=0.004),))
    facts = [DeskSet(received_ns=files[0].at_ns, desk=the_desk, by="test"), listed]
    for file in files:
        facts += [
            replace(e, received_ns=file.at_ns)
            for e in file.events
            if isinstance(e, QuotesSeen | UnderlyingQuoted)
        ]
    ticks = [_quote(files[0], name)[1] for name in _SERIES]
    facts += [
        replace(
            fill(n, name, "buy", 3, ticks[n] / 100.0, counterparty="A"),
            received_ns=files[-1].at_ns,
            traded_ns=files[0].at_ns,
        )
        for n, name in enumerate(_SERIES)
    ]
    first = next(at for at, fact in enumerate(facts) if getattr(fact, "received_ns", 0) == files[1].at_ns)
    facts.insert(first, CycleDue(received_ns=files[0].at_ns, reason="test"))
    state = State()
    with closing(Journal.create(tmp_path / "d.journal")) as journal, journal.batch():
        cycles = [step(state, journal.append(fact)) for fact in facts]
    (cycle,) = [each for each in cycles if each is not None]
    report = report_of(tmp_path / "d.journal", lambda _: None, Console(quiet=True))

    assert report.header.values == "middles of bid and offer between cycles"
    for trade, name in zip(report.trades, _SERIES, strict=True):
        middle = [sum(_quote(file, name)) / 200.0 for file in files]
        spot = [next(e.price for e in file.events if isinstance(e, UnderlyingQuoted)) for file in files]
        row = cycle.table.row_of(name)
        delta = cycle.values.greeks[row, Measure.DELTA_SHARES] / 100.0
        moved = [300.0 * (middle[k] - middle[0] - delta * (spot[k] - spot[0])) for k in (1, 2)]
        assert trade.edge_usd == pytest.approx(300.0 * (middle[0] - _quote(files[0], name)[1] / 100.0))
        assert trade.edge_usd < 0.0
        assert trade.adverse_usd[:2] == (None, None)
        assert trade.adverse_usd[2:] == pytest.approx(moved)
        assert abs(np.array(moved)).max() < 300.0


def _quote(file, name):
    """Bid and offer in ticks."""
    for event in file.events:
        if isinstance(event, QuotesSeen) and name in event.symbols:
            at = event.symbols.index(name)
            return event.bid_ticks[at], event.ask_ticks[at]
    raise KeyError(name)
