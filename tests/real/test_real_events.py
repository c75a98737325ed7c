"""Earnings told by a real chain, and its term structure once they are in the clock."""

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from flatbook.adapters.calendars import sessions_of_desk
from flatbook.adapters.files.market import read_market
from flatbook.cli.times import parse_at
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.market.clock import NS_PER_DAY
from flatbook.model.events import CycleDue, DeskSet
from flatbook.model.parameters import Desk, EventTerms, QuotingRules, RiskAppetite, UnderlyingTerms

DATA = Path(os.environ.get("FLATBOOK_DATA", Path(__file__).parents[3] / "shared" / "data"))
pytestmark = pytest.mark.market_data

_PUBLISHED = datetime(
    2014, 7, 22, 20, 30, tzinfo=UTC
)  # Apple's third fiscal quarter, after the close in New York


def test_the_earnings_of_aapl_are_told_and_the_term_structure_is_smooth_across_them():
    """On 2014-06-09 an expiry three days before and one three days after them: 5.2 % with an error of 0.4 %.

    The forward volatility between the two expiries is twice its neighbours' by the calendar of sessions, and between them
    with the event in the clock; prices are the same.
    """
    path = DATA / "lean-aapl-split-201406"
    if not path.exists():
        pytest.skip(f"no {path}")
    file = read_market(path, at_ns=parse_at("2014-06-09T11:00-04:00"))
    earnings = EventTerms(underlying="AAPL", name="earnings", at_ns=int(_PUBLISHED.timestamp()) * 10**9)
    desk = Desk(
        underlyings=(UnderlyingTerms(symbol="AAPL", rate=0.002, calendar="XNYS"),),
        quoting=QuotingRules(),
        appetite=RiskAppetite(aversion_per_usd=1e-6),
        events=(earnings,),
    )
    state, far_ns = State(), file.at_ns + 3 * 365 * NS_PER_DAY
    for fact in (
        DeskSet(received_ns=file.at_ns, desk=desk, by="test"),
        *sessions_of_desk(desk, {"AAPL"}, file.at_ns, far_ns),
        *file.events,
    ):
        step(state, fact)
    first, second = (step(state, CycleDue(received_ns=file.at_ns + k, reason="test")) for k in (0, 1))
    (told,) = first.market.term.events
    expiry = np.array([key.expiry_ns for key in first.table.slices])
    after = int(np.flatnonzero(expiry > earnings.at_ns)[0])
    plain, smooth = (cycle.market.term.forward_vol[after - 1 : after + 2] for cycle in (first, second))

    assert told.reason == ""
    assert (told.move_sd, told.move_sd_error) == pytest.approx((0.0522, 0.0036), abs=0.002)
    assert told.trading_days == pytest.approx(17.1, abs=2.0)
    assert plain[1] > 1.8 * max(plain[0], plain[2])
    assert smooth[2] - 0.02 < smooth[1] < smooth[0] + 0.02
    two_tables = 2e-4  # each within the tolerance of valuation, relative to max(price, 1 % of spot)
    assert second.values.price == pytest.approx(
        first.values.price, rel=two_tables, abs=two_tables * 0.93, nan_ok=True
    )
