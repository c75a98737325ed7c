"""The shipped example: a function of its seed, the same on disk, and a book that the system finds short."""

import csv
import io
from functools import lru_cache

import pytest
from msgspec.structs import replace

from flatbook.adapters.desk_file.read import read_desk
from flatbook.adapters.files.fills import read_fills
from flatbook.adapters.files.flatbook_writer import write_tables
from flatbook.adapters.files.market import read_market
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.limits.ladder import Step
from flatbook.model.events import CycleDue, DeskSet, LimitsSet
from flatbook.model.measures import Measure
from flatbook.model.parameters import LimitMeasure
from flatbook.model.table import InstrumentTable
from flatbook.sim.fill_rows import COLUMNS, fill_rows
from flatbook.sim.listing import INDEX, SHARE
from flatbook.sim.synthetic_day import synthetic_day
from tests.sim.days import EXAMPLE, INSTRUMENTS, SEED, day_of


def test_the_same_seed_gives_the_same_day():
    assert day_of(SEED) == synthetic_day(SEED)


def test_another_seed_gives_other_quotes_and_fills_of_the_same_contracts():
    one, other = day_of(SEED), day_of(8)

    assert one.events[:-1] == other.events[:-1]
    assert one.events[-1] != other.events[-1]
    assert one.fills != other.fills


def test_the_shipped_files_are_what_the_generator_makes(tmp_path):
    day = day_of(SEED)
    write_tables(tmp_path, day.events, day.at_ns)
    (tmp_path / "fills.csv").write_text(_fills_text(day), encoding="utf-8", newline="")
    made = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    shipped = {file.name: file.read_bytes() for file in EXAMPLE.glob("*.csv")}

    assert set(made) == set(shipped)
    for name, text in made.items():
        assert text == shipped[name], f"{name}: write the example again, as its README says"


def test_the_example_is_small():
    assert sum(file.stat().st_size for file in EXAMPLE.iterdir()) < 300_000


def test_the_readers_find_in_the_files_what_was_made():
    day = day_of(SEED)
    market = read_market(EXAMPLE)
    table = InstrumentTable(version=1, instruments=tuple(INSTRUMENTS.values()))
    fills = read_fills(EXAMPLE / "fills.csv", table=table, at_ns=day.at_ns)

    assert day.at_ns == market.at_ns
    assert day.events == market.events
    assert tuple(replace(event, received_ns=day.at_ns) for event in day.fills) == fills.events


_BOUNDED = {
    LimitMeasure.SERIES_CONTRACTS,
    LimitMeasure.CLASS_CONTRACTS,
    LimitMeasure.DELTA_USD,
    LimitMeasure.GAMMA_USD_PER_PCT,
    LimitMeasure.VEGA_USD_PER_POINT,
    LimitMeasure.CONCENTRATION_PCT,
    LimitMeasure.GAP_LOSS_USD,
    LimitMeasure.CAPITAL_USD,
    LimitMeasure.UNUSABLE_QUOTES_PCT,
}


def test_the_desk_file_bounds_contracts_greeks_losses_and_data_and_names_only_what_is_listed():
    desk_file = read_desk(EXAMPLE / "desk.toml")

    assert {limit.measure for limit in desk_file.limits} == _BOUNDED
    assert {INDEX, SHARE} == {terms.symbol for terms in desk_file.desk.underlyings}
    assert {INDEX, SHARE} == {terms.instrument.underlying for terms in desk_file.desk.hedges}


def test_the_book_is_short_delta_vega_and_gamma_in_the_index():
    cycle = _cycle()
    held = cycle.exposure.by_underlying[cycle.table.underlyings.index(INDEX)]

    assert not cycle.exposure.unvalued
    assert held[Measure.DELTA_USD] < -20e6
    assert held[Measure.VEGA_USD_PER_POINT] < -50e3
    assert held[Measure.GAMMA_USD_PER_PCT] < -10e6
    assert held[Measure.THETA_USD_PER_DAY] > 0.0


def test_the_proposed_hedges_buy_the_index_future_and_sell_the_share():
    hedges = {hedge.underlying: hedge for hedge in _cycle().hedges}
    index, share = hedges[INDEX], hedges[SHARE]

    assert index.chosen.symbol == "IDXH27"
    assert index.chosen.quantity > 0
    assert [one.symbol for one in index.alternatives] == ["IDXETF"]
    assert share.chosen.quantity < 0
    for hedge in (index, share):
        assert abs(hedge.delta_after_usd) <= hedge.band_usd < abs(hedge.delta_before_usd)


def test_one_limit_is_strained_one_is_watched_and_the_rest_are_at_ease():
    steps = {one.limit.name: (one.step, one.utilisation) for one in _cycle().standing.limits}
    strained = {name for name, (reached, _) in steps.items() if reached is Step.ALERT}
    watched = {name for name, (reached, _) in steps.items() if reached is Step.NOTIFY}

    assert {"IDX/2w/vega_usd_per_point"} == strained
    assert steps["IDX/2w/vega_usd_per_point"][1] == pytest.approx(0.8, abs=0.05)
    assert {"desk/IDXW/class_contracts"} == watched
    assert max(step for step, _ in steps.values()) is Step.ALERT


def test_inventory_leans_most_quotes_by_a_fraction_of_their_half_spread():
    cycle = _cycle()
    quotes = cycle.quotes
    sold = (cycle.book.quantity < 0) & (cycle.table.underlying_of == cycle.table.underlyings.index(INDEX))
    share = quotes.lean[sold] / quotes.half_spread[sold]

    assert (share > 0.0).all()
    assert (share < 0.7).mean() > 0.5


@lru_cache(maxsize=1)
def _cycle():
    """The decisions of the shipped desk on the shipped day."""
    day, desk_file = day_of(SEED), read_desk(EXAMPLE / "desk.toml")
    parameters = (
        DeskSet(received_ns=day.at_ns, desk=desk_file.desk, by="test"),
        LimitsSet(received_ns=day.at_ns, limits=desk_file.limits, by="test"),
    )
    state = State()
    for event in (*day.events, *parameters, *day.fills):
        assert step(state, event) is None
    return step(state, CycleDue(received_ns=day.at_ns, reason="test"))


def _fills_text(day):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *fill_rows(day.fills, INSTRUMENTS.values())])
    return text.getvalue()
