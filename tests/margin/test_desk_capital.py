"""The desk's book at the points of the haircut: the same numbers as the haircut itself, and marginals that are differences."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from flatbook.exposure.slides import pnl_by_underlying
from flatbook.margin.desk_capital import marginals_of_book, point_pnl, point_terms, requirement_of_book
from flatbook.model.instruments import Right, Style
from flatbook.model.parameters import HaircutRange, ProductGroup, UnderlyingTerms
from flatbook.valuation.market_class import TOLERANCE
from flatbook.valuation.revalue import make_ready
from flatbook.valuation.spot_vol import dynamics_of
from flatbook.valuation.values import at_fixed_vol, value
from tests.worlds import desk, option, share, view_by_hand

NAMES = ("AAA", "BBB", "SPX")
WARM = 10_000  # uses that make tables worth building
DESK = desk(
    underlyings=(
        UnderlyingTerms(symbol="AAA", capital_minimum_usd=0.375),
        UnderlyingTerms(symbol="BBB", spot_vol_beta=-2.0, stickiness=(0.0,)),
        UnderlyingTerms(symbol="SPX", haircut=HaircutRange.BROAD_INDEX),
    )
)
TOGETHER = msgspec.structs.replace(
    DESK, groups=(ProductGroup(name="G", underlyings=("AAA", "SPX"), capital_offset=0.9),)
)


def market_of(*, broken=()):
    """Three underlyings, of which one is an index; AAA is American and has its share, rows `broken` have no volatility."""
    listed = [
        option(
            f"{name} {days} {right.name[0]}{strike:g}",
            strike,
            days,
            right,
            underlying=name,
            option_class=name,
            style=Style.AMERICAN if name == "AAA" else Style.EUROPEAN,
        )
        for name in NAMES
        for days in (20, 90)
        for strike in (85.0, 100.0, 115.0)
        for right in Right
    ]
    listed.append(share("AAA", underlying="AAA"))
    vols = np.random.default_rng(5).uniform(0.15, 0.45, len(listed))
    vols[list(broken)] = np.nan
    return view_by_hand(listed, spot=100.0, vols=vols.tolist(), rate=0.04, dividend_yield=0.02)


def values_of(market):
    """Values whose volatilities would follow spot, in BBB: a haircut leaves them where they are."""
    return value(market, dynamics_of(DESK, market.table.underlyings))


def book_of(market, seed=1):
    """Some rows long, some short, some not held."""
    random = np.random.default_rng(seed)
    quantity = random.integers(-40, 41, len(market.table.instruments))
    return np.where(random.random(quantity.size) < 0.25, 0, quantity)


def points_of(market, terms, rows=None, *, uses=None):
    """The points of every row, or of `rows`."""
    values = values_of(market)
    rows = np.arange(len(market.table.instruments)) if rows is None else rows
    ready = None if uses is None else make_ready(market, values, rows, uses)
    return point_pnl(rows, values, market, terms.moves, ready)


@pytest.mark.parametrize("broken", [(), (3, 30)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_book_needs_what_a_slide_of_each_underlying_says(broken, seed):
    """Two ranges of moves, a share, two minimum rates; series without a volatility too."""
    market = market_of(broken=broken)
    table, quantity, values = market.table, book_of(market, seed), values_of(market)
    quantity[list(broken)] = (7, -9)[: len(broken)]
    terms = point_terms(DESK, table)
    points = point_pnl(np.flatnonzero(quantity), values, market, terms.moves)
    found = requirement_of_book(quantity, points, terms)
    total = 0.0
    for u, (name, rate, down, up) in enumerate(
        (("AAA", 0.375, -15, 15), ("BBB", 0.25, -15, 15), ("SPX", 0.25, -8, 6))
    ):
        mine = np.where(table.underlying_of == u, quantity, 0)
        moves = np.array([down * k / 500 for k in (5, 4, 3, 2, 1)] + [up * k / 500 for k in (1, 2, 3, 4, 5)])
        pnl = pnl_by_underlying(mine, at_fixed_vol(values, market), market, moves, np.zeros(1))[u, :, 0]
        least = 100.0 * rate * np.abs(mine[table.is_option]).sum()
        total += max(-pnl.min(), least)

        assert table.underlyings[u] == name
        assert pytest.approx(pnl, rel=1e-12, abs=1e-9) == found.pnl[u]
        assert pytest.approx(least, rel=1e-12) == found.minimum[u]
        assert pytest.approx(max(-pnl.min(), least), rel=1e-12) == found.charge[u]

    assert pytest.approx(total, rel=1e-12) == found.requirement
    assert np.count_nonzero(np.isnan(points.pnl).all(axis=1)) == len(broken)


def test_engines_of_the_slides_answer_for_the_points_too():
    """Warm tables are within the tolerance of values; what is European or no option has the same bits."""
    market = market_of()
    terms = point_terms(DESK, market.table)
    cold, warm = points_of(market, terms), points_of(market, terms, uses=WARM)
    american = market.table.american
    apart = np.abs(warm.pnl - cold.pnl)

    np.testing.assert_array_equal(cold.pnl[~american], warm.pnl[~american])
    dearest = 40.0  # of the prices here; two prices a profit, each within the tolerance by either engine

    assert cold.pnl[american].max() < 100.0 * dearest
    assert 0.0 < apart.max() < 4 * TOLERANCE * 100.0 * dearest


def test_a_book_without_positions_needs_nothing_and_one_without_a_price_is_not_zero():
    market = market_of()
    terms = point_terms(DESK, market.table)
    nothing = np.zeros(len(market.table.instruments), dtype=np.int64)
    unpriced = replace(market, spot=np.array([np.nan, 100.0, 100.0]))
    one = nothing.copy()
    one[0] = 1

    assert requirement_of_book(nothing, points_of(market, terms), terms).requirement == 0.0
    assert requirement_of_book(nothing, points_of(market, terms, nothing[:0]), terms).requirement == 0.0
    assert np.isnan(requirement_of_book(one, points_of(unpriced, terms), terms).requirement)


def test_a_book_beside_its_points_is_refused():
    market = market_of()
    terms = point_terms(DESK, market.table)
    quantity = book_of(market)

    with pytest.raises(AssertionError, match="not made for"):
        requirement_of_book(quantity, points_of(market, terms, np.flatnonzero(quantity)[1:]), terms)


@pytest.mark.parametrize("terms_of", [DESK, TOGETHER])
@pytest.mark.parametrize("clip", [1, 60])
def test_marginals_are_differences_of_two_runs(terms_of, clip):
    """Every row on both sides: held long, short and not at all, with and without a value, crossing zero."""
    market = market_of(broken=(1, 4, 14, 28))
    quantity = book_of(market)
    quantity[[1, 4, 14]] = 5, -5, 0
    terms = point_terms(terms_of, market.table)
    points = points_of(market, terms)
    base = requirement_of_book(quantity, points, terms)
    found = marginals_of_book(base, quantity, points, terms, clip)
    for side, signed in enumerate((clip, -clip)):
        for row in range(quantity.size):
            after = quantity.copy()
            after[row] += signed
            change = requirement_of_book(after, points, terms).requirement - base.requirement
            assert pytest.approx(change, rel=1e-9, abs=1e-6) == found[side][row], (row, signed)


def test_offsets_never_ask_for_more():
    market = market_of()
    quantity = book_of(market)
    alone = point_terms(DESK, market.table)
    together = point_terms(TOGETHER, market.table)
    points = points_of(market, alone)

    assert (
        requirement_of_book(quantity, points, together).requirement
        <= requirement_of_book(quantity, points, alone).requirement
    )
