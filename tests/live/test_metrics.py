"""What Prometheus is told of a desk that trades: everything that a person on call asks for, with values that can be true."""

import asyncio
import math

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from flatbook.journal.store import Journal
from flatbook.live.health import health_app
from flatbook.live.metrics import Metrics
from flatbook.live.service import journal_lag
from flatbook.model.events import FastMarketSet
from flatbook.sim.messages import Rejected
from tests.live.fakes import FakeFeed, FakeVenue, Running, desk_of, until


async def _scraped(desk):
    transport = httpx.ASGITransport(app=health_app(desk.watch.publisher, desk.watch.metrics))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
        text = (await client.get("/metrics")).text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """Of a desk that had a fill and a reject, and whose line was lost."""
    path = tmp_path_factory.mktemp("metrics") / "desk.journal"

    async def day():
        feed, venue = FakeFeed(), FakeVenue()
        desk = desk_of(path, feed, venue)
        async with Running(desk) as running:
            await until(lambda: len(venue.open) > 10)
            venue.tell(venue.trade(min(venue.open)), Rejected(client_id=max(venue.open), reason="limit"))
            await until(lambda: desk.core.state.book.cases)
            feed.break_line()
            await until(lambda: feed.opened > 1)
            seen = desk.watch.publisher.published
            await until(lambda: desk.watch.publisher.published > seen + 2)
            found = await _scraped(desk)
            snapshot = desk.watch.publisher.latest
            assert await running.end() == 0
        return found, snapshot

    return asyncio.run(day())


def test_the_histogram_of_tick_to_decision_counts_every_decision_that_something_caused(scraped):
    found, _ = scraped
    count = found["flatbook_tick_to_decision_seconds_count", ()]
    buckets = [
        value for (name, _), value in found.items() if name == "flatbook_tick_to_decision_seconds_bucket"
    ]
    assert count >= 2.0
    assert buckets == sorted(buckets)
    assert buckets[-1] == count
    assert 0.0 < found["flatbook_tick_to_decision_seconds_sum", ()] < 60.0 * count


def test_every_queue_has_a_depth_within_its_bound(scraped):
    found, snapshot = scraped
    depths = {
        dict(labels)["queue"]: value
        for (name, labels), value in found.items()
        if name == "flatbook_queue_depth"
    }
    assert depths == {name: float(depth) for name, depth in snapshot.queues.items()}
    assert {"market data", "feed facts", "venue", "operator"} <= depths.keys()


def test_every_limit_has_its_utilisation_as_the_cycle_has_it(scraped):
    found, snapshot = scraped
    for one in snapshot.cycle.standing.limits:
        told = found["flatbook_limit_utilisation_ratio", (("limit", one.limit.name),)]
        assert told == one.utilisation or (math.isnan(told) and math.isnan(one.utilisation))


def test_every_underlying_has_the_age_of_its_price(scraped):
    found, snapshot = scraped
    for name in snapshot.cycle.market.table.underlyings:
        assert found["flatbook_price_age_seconds", (("underlying", name),)] >= 0.0


def test_fills_rejects_lost_lines_and_clock_jumps_are_counted(scraped):
    found, _ = scraped
    assert found["flatbook_fills_total", ()] == 1.0
    assert found["flatbook_rejects_total", ()] == 1.0
    assert found["flatbook_line_losses_total", (("line", "feed"),)] == 1.0
    assert found["flatbook_clock_jumps", ()] == 0.0
    assert abs(found["flatbook_clock_offset_seconds", ()]) < 5.0


def test_the_journal_says_how_far_it_is_and_what_waits(tmp_path):
    metrics = Metrics()
    journal = Journal.create(tmp_path / "a.journal")
    journal_lag(metrics, journal)
    with journal.batch():
        journal.append(FastMarketSet(received_ns=1, underlying="", on=True, reason="test"))
        journal.append(FastMarketSet(received_ns=2, underlying="", on=False, reason="test"))
        assert b"flatbook_journal_lag_records 2.0" in metrics.text()
    assert b"flatbook_journal_lag_records 0.0" in metrics.text()
    journal.close()


def test_the_number_of_the_last_durable_record_is_that_of_the_publication(scraped):
    found, snapshot = scraped
    assert found["flatbook_journal_sequence", ()] == snapshot.journal_sequence
    assert found["flatbook_journal_lag_records", ()] == 0.0
