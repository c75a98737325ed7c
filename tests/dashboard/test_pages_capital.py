"""Capital, Residual and Explain in a browser: their numbers are those of the core."""

from dataclasses import replace

import pytest

from flatbook.dashboard.views.residual import residual
from flatbook.live.history import HistoryColumns
from tests.dashboard.serving import served
from tests.dashboard.test_pages import number_at


@pytest.fixture(scope="module")
def last(pictures):
    """The last picture, with the ledgers of the day in its history."""
    columns = HistoryColumns()
    for each in pictures:
        columns.add(each.cycle, each.at_ns, each.pnl_usd)
    kept = columns.columns()
    history = replace(pictures[-1].history, residual_ns=kept.residual_ns, residual_usd=kept.residual_usd)
    return replace(pictures[-1], history=history)


def test_the_capital_page_shows_the_requirement_of_every_method(last, browsing):
    """That of the cycle at once, the others when they answered; what is not known says why."""
    with served(last) as desk, browsing(desk) as page:
        page.goto(f"{desk.url}/capital")
        page.wait_for_selector('[data-test="method:pm"]')

        assert number_at(page, "required") == last.cycle.capital.desk
        assert number_at(page, "method:pm") > 0.0
        coin = page.locator('[data-test="method:pme"]')
        assert (coin.inner_text(), coin.get_attribute("title")) == (
            "–",
            "nothing that is held settles in coin",
        )
        page.wait_for_selector(".vrow")


def test_the_residual_page_shows_the_ledger(last, browsing):
    """The whole, its kinds and its entries."""
    told = residual(last)
    with served(last) as desk, browsing(desk) as page:
        page.goto(f"{desk.url}/residual")
        page.wait_for_selector('[data-test="residual"]')

        assert number_at(page, "residual") == told.totals.deviation_usd
        for kind in told.kinds:
            if kind.usd:
                assert number_at(page, f"kind:{kind.kind}") == kind.usd
        first = told.entries[0]
        assert number_at(page, f"entry:{first.underlying}:{first.kind}:{first.source}") == first.deviation_usd


def test_the_explain_page_ends_at_the_profit_of_the_cycle(pictures, browsing):
    """Its bars add up; a trade has its markouts."""
    with served() as desk, browsing(desk) as page:
        for each in pictures:
            desk.publish(each)
        page.goto(f"{desk.url}/explain")
        page.wait_for_selector('[data-test="bar:P&L"]')
        page.wait_for_selector('[data-test="edge:all"]')

        assert number_at(page, "bar:P&L") == pytest.approx(pictures[-1].pnl_usd)
        bars = page.locator('[data-test^="bar:"]')
        values = [float(bars.nth(n).get_attribute("data-value")) for n in range(bars.count())]
        names = [bars.nth(n).get_attribute("data-test") for n in range(bars.count())]
        assert names[-1] == "bar:P&L"
        assert sum(values[:-1]) == pytest.approx(values[-1], abs=0.1)
