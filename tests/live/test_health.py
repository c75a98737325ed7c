"""A supervisor learns whether the desk lives and may quote, Prometheus what it counts; a log holds no secret and waits for nobody."""

import asyncio
import io
import json

import httpx

from flatbook.live.health import health_app
from flatbook.live.log import LogWriter
from flatbook.live.metrics import Metrics
from flatbook.live.publisher import Publisher
from tests.live.fakes import FakeFeed, FakeVenue, Running, desk_of, until


async def _get(watch, *paths):
    transport = httpx.ASGITransport(health_app(watch[0], watch[1]))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
        return [await client.get(path) for path in paths]


def test_before_the_first_publication_it_lives_and_is_not_ready():
    alive, ready = asyncio.run(_get((Publisher(), Metrics()), "/healthz", "/readyz"))
    assert alive.status_code == 200
    assert (ready.status_code, ready.json()["standing"]) == (503, "STARTING")


def test_a_desk_at_work_is_ready_and_counts(tmp_path):
    async def day():
        feed, venue = FakeFeed(), FakeVenue()
        desk = desk_of(tmp_path / "desk.journal", feed, venue)
        async with Running(desk) as running:
            await until(lambda: len(venue.open) > 10)
            venue.tell(venue.trade(min(venue.open)))
            await until(lambda: desk.watch.picture.fills)
            await until(lambda: desk.standing == "NORMAL")
            both = (desk.watch.publisher, desk.watch.metrics)
            found = await _get(both, "/readyz", "/metrics")
            assert await running.end() == 0
            return *found, *await _get(both, "/readyz")

    ready, counted, after = asyncio.run(day())
    assert ready.status_code == 200
    lines = dict(line.rsplit(" ", 1) for line in counted.text.splitlines() if not line.startswith("#"))
    assert float(lines["flatbook_fills_total"]) == 1.0
    assert float(lines['flatbook_commands_total{kind="order"}']) > 10.0
    assert float(lines["flatbook_tick_to_decision_seconds_count"]) > 0.0
    assert float(lines['flatbook_standing{standing="NORMAL"}']) == 1.0
    assert float(lines['flatbook_limit_utilisation_ratio{limit="desk/delta_usd"}']) >= 0.0
    assert after.status_code == 503


def test_a_log_line_is_json_and_holds_no_secret():
    out = io.StringIO()
    with LogWriter(stream=out) as writer:
        writer.logger.info("came in", who="ann", password="hunter2", api_token="abc", Cookie="c")  # noqa: S106
        writer.logger.debug("not told")
        try:
            int("boom")
        except ValueError:
            writer.logger.exception("failed")
    first, second = map(json.loads, out.getvalue().splitlines())
    assert (first["event"], first["who"], first["level"]) == ("came in", "ann", "info")
    assert {first["password"], first["api_token"], first["Cookie"]} == {"***"}
    assert "boom" in second["exception"]


def test_a_full_log_drops_and_counts(tmp_path):
    class Stuck(io.StringIO):
        """A pipe that nobody reads."""

        def write(self, text):
            raise OSError("no space")

    with LogWriter(tmp_path / "desk.log", stream=Stuck()) as writer:
        for number in range(5):
            writer.logger.info("line", number=number)
    assert len((tmp_path / "desk.log").read_text().splitlines()) == 5
    assert writer.dropped == 0
