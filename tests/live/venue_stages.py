"""Small venues for tests: one underlying, eight series, a minute of market, and lines without latency."""

from contextlib import asynccontextmanager

from flatbook.live.venue_client import Address
from flatbook.live.venue_server import VenueServer
from flatbook.model.world_flow_terms import CustomerTerms, FlowOfDay
from flatbook.sim.messages import NewOrder
from tests.sim.small_days import AT_ONCE, index_prices, small_stage

FLOW = FlowOfDay(customers=(CustomerTerms(underlying="IDX", orders_per_day=300.0, decay_per_point=2.0),))


def venue_stage(*, minutes=1.0, spacing_s=0.2, wire=AT_ONCE, **terms):
    """Prices that move every so many seconds, and five customers a second."""
    prices = index_prices(session_minutes=minutes, spacing_seconds=spacing_s, **terms.pop("prices", {}))
    return small_stage(prices, wire=wire, **{"flow": FLOW, **terms})


@asynccontextmanager
async def running(stage=None, *, seed=3, **terms):
    """A venue that listens, and its address; it is stopped whatever happens."""
    venue = VenueServer(stage or venue_stage(minutes=60.0), seed, **terms)
    await venue.start()
    try:
        yield venue, Address(port=venue.port, retry_s=0.01, retry_most_s=0.05)
    finally:
        await venue.stop()


def takes(client_id, row, *, quantity=1, side=1):
    """An order for what there is, at any price: it trades at once."""
    price = 10_000_000 if side > 0 else 25
    return NewOrder(
        client_id=client_id, row=row, side=side, price_ticks=price, quantity=quantity, is_quote=False, immediate=True
    )  # fmt: skip


def rests(client_id, row, *, price_ticks=25, quantity=1):
    """A bid that nobody meets."""
    return NewOrder(
        client_id=client_id, row=row, side=1, price_ticks=price_ticks, quantity=quantity, is_quote=False
    )
