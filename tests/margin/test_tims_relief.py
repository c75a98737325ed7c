"""Relief of TIMS accounts: the programme is the tree, the answer the cheapest of all, and full runs say what is freed."""

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import coo_array

from flatbook.margin.legs import Legs
from flatbook.margin.marginal import ScenarioSeries
from flatbook.margin.relief import Candidates, ReliefStatus
from flatbook.margin.tims import TimsBook, capital
from flatbook.margin.tims_groups import tims_requirement, tree_of
from flatbook.margin.tims_parameters import OffsetGroup
from flatbook.margin.tims_programme import tims_programme
from flatbook.margin.tims_relief import (
    Listing,
    ReliefMarket,
    free,
    menu,
    most,
    relief_market,
    same_contract,
    undominated,
)
from flatbook.model.errors import FaultsError, InvalidValueError
from tests.margin.tims_legs import PM, call, legs_of, put, stock

_POINTS = 4


@st.composite
def nested(draw, depth=3):
    """Classes, and groups of them up to `depth` levels."""
    names = tuple(f"U{number}" for number in range(draw(st.integers(1, 5))))
    groups, loose = {}, list(names)
    for level in range(depth):
        cut = draw(st.integers(0, len(loose)))
        parts = [loose[:cut], loose[cut:]] if draw(st.booleans()) else [loose]
        loose = []
        for number, members in enumerate(parts):
            if members and draw(st.booleans()):
                share = draw(st.sampled_from([0.0, 0.5, 0.75, 0.9, 1.0]))
                groups[f"G{level}{number}"] = OffsetGroup(members=tuple(members), offset=share)
                loose.append(f"G{level}{number}")
            else:
                loose += members
    return names, groups


@st.composite
def worlds(draw):
    """A tree, and series of its classes: profits, what is held, what may be traded, minimum charges, costs."""
    names, groups = draw(nested())
    n = draw(st.integers(1, 5))
    whole = st.integers(-20, 20).map(float)
    pnl = np.array(draw(st.lists(whole, min_size=n * _POINTS, max_size=n * _POINTS))).reshape(n, _POINTS)
    class_of = np.array(draw(st.lists(st.integers(0, len(names) - 1), min_size=n, max_size=n)))
    quantity = np.array(draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n)), dtype=np.float64)
    minimum = np.array(draw(st.lists(st.sampled_from([0.0, 1.0, 3.0]), min_size=n, max_size=n)))
    cost = np.array(draw(st.lists(st.integers(1, 8), min_size=n, max_size=n)), dtype=np.float64)
    sizes = st.lists(st.integers(0, 2), min_size=n, max_size=n)
    return names, groups, pnl, class_of, quantity, minimum, cost, np.array(draw(sizes)), np.array(draw(sizes))


def _naive(world, quantity):
    """The requirement as one would tell it to a colleague."""
    names, groups, pnl, class_of, _, minimum = world[:6]
    rows = range(len(quantity))

    def classes(name):
        return (
            [one for member in groups[name].members for one in classes(member)] if name in groups else [name]
        )

    def vector(name):
        if name not in groups:
            return [
                sum(quantity[i] * pnl[i][j] for i in rows if names[class_of[i]] == name)
                for j in range(_POINTS)
            ]
        share = groups[name].offset
        members = [vector(member) for member in groups[name].members]
        return [sum(x if x < 0 else share * x for x in point) for point in zip(*members, strict=True)]

    held = {member for group in groups.values() for member in group.members}
    total = 0.0
    for top in [name for name in (*names, *groups) if name not in held]:
        inside = classes(top)
        charge = sum(abs(quantity[i]) * minimum[i] for i in rows if names[class_of[i]] in inside)
        total += max(-min(vector(top)), charge)
    return total


def _market(world):
    names, groups, pnl, class_of, quantity, minimum, cost, buy_most, sell_most = world
    tree = tree_of(names, groups)
    now = tims_requirement(pnl, quantity, class_of, minimum, tree)
    n = quantity.size
    series = ScenarioSeries(
        pnl=pnl,
        class_of=class_of,
        quantity=quantity,
        minimum_long=minimum,
        minimum_short=minimum,
    )
    return ReliefMarket(
        now=now,
        candidates=Candidates(
            name=tuple(f"series {row}" for row in range(n)),
            series=series,
            buy_most=buy_most.astype(np.float64),
            sell_most=sell_most.astype(np.float64),
            half_spread=cost,
            fee=np.zeros(n),
            premium=np.zeros(n),
        ),
        notes=(),
        tims=TimsBook(
            tree=tree,
            class_of=class_of,
            factor=np.ones(len(names)),
            moves=np.zeros((len(names), _POINTS)),
            minimum_per_contract=minimum,
        ),
        pnl=pnl,
        quantity=quantity,
        series_of=np.arange(n),
    )


@settings(max_examples=150, deadline=None)
@given(worlds(), st.lists(st.integers(-5, 5), min_size=5, max_size=5))
def test_the_programme_says_of_any_trades_what_a_full_run_says(world, trades):
    """On trees of any depth: with the contracts fixed, its least requirement is that of the book after them."""
    market = _market(world)
    n = market.quantity.size
    traded = np.array(trades[:n], dtype=np.float64)
    series = market.candidates.series
    made = tims_programme(market.now, series, np.arange(n), np.full((n, 2), 5.0), np.ones(n))
    columns = made.column_lower.size
    rows = coo_array((made.coefficient, (made.row_of, made.column_of)), (made.row_lower.size, columns))
    bounds = np.column_stack((made.column_lower, np.full(columns, np.inf)))
    bounds[: 2 * n] = np.concatenate((np.maximum(traded, 0.0), np.maximum(-traded, 0.0)))[:, None]
    least = np.zeros(columns)
    least[2 * n : 2 * n + made.groups.size] = 1.0
    found = linprog(least, -rows.tocsr(), -made.row_lower, bounds=bounds)
    elsewhere = market.now.requirement - made.now

    assert market.now.requirement == pytest.approx(_naive(world, market.quantity), abs=1e-9)
    assert found.fun * made.unit + elsewhere == pytest.approx(
        _naive(world, market.quantity + traded), abs=1e-6
    )


@settings(max_examples=60, deadline=None)
@given(worlds(), st.sampled_from([0.3, 0.6, 1.0, 1.5]))
def test_what_is_told_as_freed_is_a_full_run_and_the_cheapest_of_all_however_deep_the_offsets(world, share):
    """Every whole number of contracts of every candidate is tried."""
    market = _market(world)
    before = _naive(world, market.quantity)
    ranges = [range(-int(sell), int(buy) + 1) for buy, sell in zip(world[7], world[8], strict=True)]
    tried = [
        (before - _naive(world, market.quantity + np.array(trade)), float(np.abs(trade) @ world[6]))
        for trade in product(*ranges)
    ]
    possible = max(freed for freed, _ in tried)
    asked = share * possible if possible > 1e-9 else 5.0
    found = free(market, asked)
    traded = np.zeros(market.quantity.size)
    for line in found.trades:
        traded[line.row] = line.quantity

    assert found.freed == pytest.approx(before - _naive(world, market.quantity + traded), abs=1e-9)
    assert found.after == pytest.approx(before - found.freed, abs=1e-9)
    assert sum(line.freed for line in found.trades) == pytest.approx(found.freed, abs=1e-9)
    assert found.cost == pytest.approx(float(np.abs(traded) @ world[6]))
    assert (found.status is ReliefStatus.FREED) == (found.freed >= asked * (1.0 - 1e-9))
    for line in found.trades:
        without = np.where(np.arange(traded.size) == line.row, 0.0, traded)
        assert line.freed_without == pytest.approx(
            before - _naive(world, market.quantity + without), abs=1e-9
        )
    if possible > 1e-9:
        cheapest = min(cost for freed, cost in tried if freed >= min(asked, possible) - 1e-9)
        assert (found.status is ReliefStatus.FREED) == (share <= 1.0)
        assert share > 1.0 or found.cost == pytest.approx(cheapest)
        assert share > 1.0 or found.cost_at_least <= cheapest + 1e-6
    if found.status is ReliefStatus.FREED:
        for line in found.trades:  # no contract of it can be spared
            fewer = traded.copy()
            fewer[line.row] -= np.sign(line.quantity)
            assert before - _naive(world, market.quantity + fewer) < asked + 1e-6


def _listing(*rows, bid, ask, group="", size=50.0, fee=1.0):
    legs = replace(
        legs_of(*rows),
        group=(group,) * len(rows),
        where=tuple(f"c.csv line {n + 2}" for n in range(len(rows))),
    )
    column = np.full(len(rows), size)
    return Listing(
        legs=legs,
        bid=np.array(bid, dtype=np.float64),
        ask=np.array(ask, dtype=np.float64),
        bid_size=column,
        ask_size=column,
        fee=np.full(len(rows), fee),
    )


def _with(legs, listing, answer):
    """The account after the trades, as rows."""
    rows = np.array([line.row for line in answer.trades], dtype=np.int64)
    bought = replace(listing.legs.take(rows), quantity=np.array([line.quantity for line in answer.trades]))
    columns = {
        name: (*getattr(legs, name), *getattr(bought, name))
        if isinstance(getattr(legs, name), tuple)
        else np.concatenate((getattr(legs, name), getattr(bought, name)))
        for name in legs.__dataclass_fields__
    }
    return Legs(**columns)


_SHORT = (call(105.0, -50, vol=0.20), put(95.0, -50, vol=0.24))
_WINGS = (call(115.0, 0, vol=0.22), put(92.0, 0, vol=0.26), call(105.0, 0, vol=0.20))


def test_what_is_freed_is_what_the_method_says_of_the_account_with_the_trades_as_rows():
    """By the front door of the method."""
    legs = legs_of(*_SHORT)
    listing = _listing(*_WINGS, bid=[0.05, 0.30, 0.60], ask=[0.08, 0.34, 0.66])
    market = relief_market(legs, listing, PM)
    need = capital(legs, PM).requirement
    found = free(market, 0.4 * need)

    assert found.before == pytest.approx(need)
    assert found.status is ReliefStatus.FREED
    assert found.freed >= 0.4 * need
    assert capital(_with(legs, listing, found), PM).requirement == pytest.approx(need - found.freed)
    assert {line.row for line in found.trades} >= {1}  # the put
    assert found.trades[-1].decides.requirement == pytest.approx(found.after)
    assert found.decides.moves.keys() == {"XYZ"}


def test_a_candidate_of_a_series_that_is_held_nets_its_minimum_charge():
    """All of a short option bought back leaves nothing to charge, although the file marks it otherwise."""
    legs = legs_of(call(105.0, -50, price=0.7))
    listing = _listing(call(105.0, 0, vol=0.5), bid=[0.6], ask=[0.7])
    market = relief_market(legs, listing, PM)
    found = most(market)

    assert [line.quantity for line in found.trades] == [50.0]
    assert found.after == 0.0
    assert found.decides is None
    assert found.notes == ("c.csv line 2: the series is held, and book.csv line 2 marks it",)
    assert found.cost == pytest.approx(50 * (100 * 0.05 + 1.0))


def test_a_side_that_is_missing_is_not_traded_and_its_cost_is_the_way_from_the_mark():
    """Only what is offered is bought; nobody bids, so nothing is sold."""
    legs = legs_of(*_SHORT)
    listing = _listing(
        call(115.0, 0, price=0.05), put(85.0, 0, price=0.09), bid=[math.nan, 0.08], ask=[0.08, math.nan]
    )
    made = relief_market(legs, listing, PM).candidates

    assert made.buy_most.tolist() == [50.0, 0.0]
    assert made.sell_most.tolist() == [0.0, 50.0]
    assert made.half_spread == pytest.approx([3.0, 1.0])
    assert made.premium == pytest.approx([5.0, 9.0])


def test_quotes_that_cannot_be_are_told():
    """A call bid above its underlying, a put above its strike, and a mark that is outside the quotes."""
    rows = (
        call(105.0, 0, price=0.7),
        put(95.0, 0, price=0.7),
        call(110.0, 0, price=0.7),
        call(115.0, 0, price=0.7),
    )
    listing = _listing(*rows, bid=[150.0, 95.5, 0.8, 0.6], ask=[151.0, math.nan, 0.9, 0.8])
    notes = relief_market(legs_of(call(105.0, -5, price=2.0)), listing, PM).notes

    assert notes == (
        "c.csv line 2: the series is held, and book.csv line 2 marks it",
        "c.csv line 2: 150 bid, 151 offered: no call is worth more than its underlying, 100; its cost and premium rest on that quote",
        "c.csv line 3: 95.5 bid, none offered: no put is worth more than its strike, 95; its cost and premium rest on that quote",
        "c.csv line 4: 0.8 bid, 0.9 offered, its mark is 0.7: the trade is valued at the mark",
    )


def test_another_price_of_the_underlying_is_told():
    """A stale file of candidates moves from where it stands, and says so."""
    listing = _listing(put(85.0, 0, vol=0.3, underlying_price=99.0), bid=[0.1], ask=[0.2])
    market = relief_market(legs_of(*_SHORT), listing, PM)

    assert market.notes == (
        "c.csv line 2: XYZ at 99, the account has it at 100: each row is moved from its own",
    )


def _three_indexes():
    """Short calls on S&P and Dow and short puts on Russell, wings for each: two levels of offsets, few contracts."""
    index = {"product_class": "broad-index"}
    spx = index | {"underlying": "SPX", "underlying_price": 2950.0}
    djx = index | {"underlying": "DJX", "underlying_price": 260.0}
    iwm = index | {"underlying": "IWM", "underlying_price": 158.0, "american": True}
    legs = legs_of(
        call(3050.0, -4, price=12.3, **spx),
        call(265.0, -20, price=2.0, **djx),
        put(150.0, -30, price=1.4, **iwm),
        years=0.13,
        rate=0.024,
        dividend_yield=0.015,
    )
    wings = (
        call(3100.0, 0, price=4.85, **spx),
        call(270.0, 0, price=0.65, **djx),
        put(145.0, 0, price=0.78, **iwm),
    )
    shared = [row | {"years": 0.13, "rate": 0.024, "dividend_yield": 0.015} for row in wings]
    listing = _listing(*shared, bid=[4.7, 0.6, 0.76], ask=[5.0, 0.7, 0.80], fee=0.65)
    return legs, replace(listing, bid_size=np.array([3.0, 8.0, 8.0]), ask_size=np.array([3.0, 8.0, 8.0]))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_two_levels_of_offsets_cost_what_trying_all_trades_says(share):
    """S&P beside Dow, both beside Russell: every whole number of contracts of every wing, by full runs."""
    market = relief_market(*_three_indexes(), PM)
    cost = market.candidates.half_spread + market.candidates.fee
    trades = [np.array(one, dtype=np.float64) for one in product(range(-3, 4), range(-8, 9), range(-8, 9))]
    tried = [(market.freed(one), float(np.abs(one) @ cost)) for one in trades]
    asked = share * max(freed for freed, _ in tried)
    found = free(market, asked)

    assert found.freed >= asked * (1.0 - 1e-9)
    assert found.cost == pytest.approx(min(price for freed, price in tried if freed >= asked), rel=1e-3)


def test_no_answer_is_told_that_another_one_beats():
    """The same amount, or more, for less takes the place of what a search of its own found."""
    market = relief_market(*_three_indexes(), PM)
    dear, cheap = free(market, 16_165.0), free(market, 17_269.0)
    worse = replace(dear, cost=70.85, freed=16_219.9)
    told = undominated((worse, cheap))

    assert told[0].asked == 16_165.0
    assert (told[0].freed, told[0].cost, told[0].trades) == (cheap.freed, cheap.cost, cheap.trades)
    assert told[1] is cheap
    assert undominated((cheap, replace(dear, freed=17_000.0, cost=1.0)))[0] is cheap


def test_a_menu_ends_with_the_most_and_grows():
    """Each share costs no less than a smaller one."""
    legs = legs_of(*_SHORT)
    market = relief_market(legs, _listing(*_WINGS, bid=[0.05, 0.30, 0.60], ask=[0.08, 0.34, 0.66]), PM)
    full = most(market)
    shares = menu(market, full)

    assert shares[-1] is full
    assert [
        one.freed >= share * full.freed - 1e-6
        for share, one in zip((0.25, 0.5, 0.75, 1.0), shares, strict=True)
    ] == [True] * 4
    assert np.all(np.diff([one.cost for one in shares]) >= 0.0)


def test_nothing_listed_frees_nothing():
    """And says so."""
    legs = legs_of(*_SHORT)
    listing = _listing(*_WINGS, bid=[0.05] * 3, ask=[0.08] * 3, group="B").of("A")
    market = relief_market(legs, listing, PM)
    found = free(market, 100.0)

    assert len(listing.legs) == 0
    assert (found.status, found.freed, found.trades) == (ReliefStatus.NOTHING, 0.0, ())
    assert menu(market, most(market)) == ()


def test_what_cannot_be_told_is_refused():
    """An account without requirement, and a candidate without range."""
    unknown = legs_of(call(50.0, -1, price=200.0))
    odd = _listing(call(105.0, 0, vol=0.2, underlying="ZZ", product_class="future"), bid=[1.0], ask=[1.1])

    with pytest.raises(InvalidValueError, match="account A cannot be told"):
        relief_market(unknown, _listing(*_WINGS, bid=[0.1] * 3, ask=[0.2] * 3), PM)
    with pytest.raises(FaultsError) as error:
        relief_market(legs_of(*_SHORT), odd, PM)
    assert error.value.faults[0].where == "c.csv line 2 column product_class"


def test_rows_of_one_contract_are_told_whatever_their_marks():
    """Stock has no terms but its name."""
    legs = legs_of(
        call(105.0, 1, vol=0.2), call(105.0, -1, price=3.0), put(105.0, 1, vol=0.2), stock(1), stock(2)
    )
    keys = same_contract(legs)

    assert keys[0] == keys[1]
    assert keys[3] == keys[4]
    assert len(set(keys)) == 3
