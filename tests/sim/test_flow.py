"""Customer flow: one-sided, priced at the quotes of the moment, with a venue's usual mistakes."""

from collections import Counter

import numpy as np

from flatbook.model.events import Capacity, Fill, FillBusted, FillCorrected
from flatbook.model.instruments import Right, Side
from flatbook.sim.chain import chain, quote
from flatbook.sim.chance import Chance
from flatbook.sim.flow import spot_at, spot_paths
from flatbook.sim.listing import INDEX_WEEKLY, SHARE, listed
from flatbook.sim.world import AT_NS, ISSUERS, OPEN_NS
from tests.sim.days import INSTRUMENTS, SEED, day_of, trades_of


def test_customers_are_net_buyers_of_weekly_index_calls():
    sold = -_net(INDEX_WEEKLY, Right.CALL)
    traded = sum(fill.quantity for fill in trades_of(day_of(SEED)) if _is(fill, INDEX_WEEKLY, Right.CALL))

    assert sold == traded > 300


def test_customers_write_calls_and_buy_puts_on_the_share():
    assert _net(SHARE, Right.CALL) > 50
    assert _net(SHARE, Right.PUT) < -50


def test_most_of_the_other_sides_are_customers():
    count = Counter(fill.capacity for fill in trades_of(day_of(SEED)))

    assert count[Capacity.CUSTOMER] > 0.75 * count.total()
    assert {Capacity.CUSTOMER, Capacity.FIRM, Capacity.MARKET_MAKER} == set(count)


def test_the_venue_repeats_one_fill_corrects_one_and_busts_one():
    fills = day_of(SEED).fills
    repeats = Counter(event.fill_id for event in fills if isinstance(event, Fill))
    known = {fill.fill_id: fill for fill in trades_of(day_of(SEED))}
    (correction,) = (event for event in fills if isinstance(event, FillCorrected))
    (bust,) = (event for event in fills if isinstance(event, FillBusted))

    assert [count for count in repeats.values() if count > 1] == [2]
    assert known[correction.fill_id].quantity == correction.quantity + 1
    assert bust.fill_id in known
    assert bust.fill_id != correction.fill_id


def test_everything_reached_us_in_order_between_the_open_and_the_snapshot():
    times = [event.received_ns for event in day_of(SEED).fills]

    assert sorted(times) == times
    assert OPEN_NS <= times[0] < times[-1] <= AT_NS


def test_we_sell_at_the_offer_and_buy_at_the_bid_of_the_moment():
    chance = Chance(SEED)
    chain(listed(), chance)  # draws before the paths do
    paths = spot_paths(chance)
    for fill in trades_of(day_of(SEED)):
        item = INSTRUMENTS[fill.instrument]
        spot = spot_at(paths[item.underlying], fill.traded_ns)
        bid, ask = quote((item,), fill.traded_ns, spot, np.zeros(1))[0]

        assert (ask if fill.side is Side.SELL else bid) == fill.price_ticks


def test_spot_goes_from_the_opening_price_to_that_of_the_snapshot():
    for name, path in spot_paths(Chance(SEED)).items():
        assert (ISSUERS[name].spot_open, ISSUERS[name].spot) == (path[0], path[-1])
        assert np.ptp(path) < 0.05 * path[0]


def test_every_price_stands_on_the_tick_table():
    for fill in trades_of(day_of(SEED)):
        bands = INSTRUMENTS[fill.instrument].tick_table
        step = [band.step_ticks for band in bands if fill.price_ticks >= band.from_ticks][-1]

        assert fill.price_ticks > 0
        assert fill.price_ticks % step == 0, fill


def _net(option_class, right):
    """Our net contracts."""
    mine = (fill for fill in trades_of(day_of(SEED)) if _is(fill, option_class, right))
    return sum(int(Side(fill.side)) * fill.quantity for fill in mine)


def _is(fill, option_class, right):
    item = INSTRUMENTS[fill.instrument]
    return item.option_class == option_class and item.right is right
