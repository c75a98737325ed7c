"""The book along its axes, its deltas and its deviation by factor: as a report, on a console and on a page."""

import io
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace as restruct
from rich.console import Console

from flatbook.book.view import Holdings
from flatbook.engine.measure import basis_of, measure
from flatbook.exposure.aggregate import bound_of_row
from flatbook.market.history import History
from flatbook.model.instruments import Payoff, Right
from flatbook.model.measures import Measure
from flatbook.model.parameters import UnderlyingTerms
from flatbook.reports.columns import columns_of
from flatbook.reports.console_risk import print_risk
from flatbook.reports.factor_sections import factors_of
from flatbook.reports.html import render_html
from flatbook.reports.missing import Missing
from flatbook.reports.plan import plan_report
from flatbook.reports.risk_charts import share_bars
from flatbook.reports.risk_sections import UNNAMED, deltas_of, groups_of
from flatbook.reports.schema_risk import GroupMeasures
from flatbook.valuation.values import value
from tests.naive.black import price as naive_price
from tests.reports.conftest import SOURCES
from tests.reports.nulls import unexplained
from tests.worlds import desk, option, share, view_by_hand

MEASURES = GroupMeasures.__struct_fields__
BOOK = (
    *(option(f"X{right.name[0]}{strike:g}", strike, 30, right) for strike in (90.0, 100.0, 110.0) for right in Right),
    share(),
    *(
        option(f"Y{right.name[0]}100", 100.0, 90, right, underlying="IDX", option_class="IDXW", multiplier=10.0)
        for right in Right
    ),
)  # fmt: skip
CALL90, PUT100, CALL110, SHARE, INDEX_CALL = 0, 3, 4, 6, 7
LINES = (  # row, account, strategy, contracts
    (CALL90, 0, 0, 30), (CALL90, 1, 1, -10), (PUT100, 1, 0, -25), (PUT100, 1, 1, -5), (SHARE, 0, 1, -700),
    (CALL110, 0, 0, 5), (CALL110, 1, 0, -5), (INDEX_CALL, 1, 1, 40),
)  # fmt: skip
VOLS = (0.3, 0.3, 0.25, 0.25, 0.2, 0.2, np.nan, 0.25, 0.25)
DESK = desk(
    index="IDX",
    underlyings=(UnderlyingTerms(symbol="XYZ", beta=0.5, minimum_variance=(-0.2, 0.3, -0.1)),),
)


def cycle_by_hand(
    lines=LINES, vols=VOLS, *, hedge=(), accounts=("", "house"), strategies=("", "flow"), terms=DESK, book=BOOK
):  # fmt: skip
    """What the sections read of a cycle."""
    market = view_by_hand(book, spot=100.0, vols=list(vols))
    market = replace(market, history=no_days(market.table.underlyings))
    row, account, strategy, contracts = np.array(lines, dtype=np.int64).reshape(-1, 4).T
    quantity = np.zeros(len(book), dtype=np.int64)
    np.add.at(quantity, row, contracts)
    after = quantity.copy()
    for at, more in hedge:
        after[at] += more
    values = value(market)
    basis = basis_of(values, market, terms, np.flatnonzero((quantity != 0) | (after != 0)))
    held = measure(quantity, basis)
    holdings = Holdings(
        row=row, account=account, strategy=strategy, quantity=contracts, accounts=accounts, strategies=strategies
    )  # fmt: skip
    return SimpleNamespace(
        table=market.table, market=market, values=values, basis=basis, held=held, desk=terms,
        residual=measure(after, basis), exposure=held.exposure, gaps=held.gaps,
        book=SimpleNamespace(quantity=quantity, holdings=holdings),
    )  # fmt: skip


def no_days(underlyings):
    """A history that has not begun."""
    nothing = np.empty((0, len(underlyings)))
    return History(
        underlyings=underlyings, day_ns=np.empty(0, dtype=np.int64), days=np.empty(0), moves=nothing, vol_points=nothing
    )  # fmt: skip


def groups_by_name(cycle):
    missing = Missing()
    return {axis.name: axis.rows for axis in groups_of(cycle, missing).axes}, missing


def without_a_value(row):
    return tuple(np.nan if at == row else vol for at, vol in enumerate(VOLS))


def totals(rows):
    return [sum(getattr(row.measures, name) or 0.0 for row in rows) for name in MEASURES]


@pytest.mark.parametrize("vols", [VOLS, without_a_value(PUT100), without_a_value(CALL90)])
def test_every_axis_adds_up_to_the_desk(vols):
    """Measures, contracts and gaps, also where a series has no value; whichever account or strategy holds it."""
    cycle = cycle_by_hand(vols=vols)
    axes, _ = groups_by_name(cycle)
    desk_of = dict(zip((m.name.lower() for m in Measure), cycle.exposure.desk.tolist(), strict=True))
    scale = np.abs(cycle.exposure.by_row[np.isfinite(cycle.exposure.by_row).all(axis=1)]).sum(axis=0).max()

    assert set(axes) == {
        "class", "underlying", "bucket", "expiry", "delta", "deviations", "strategy", "account",
    }  # fmt: skip
    for name, rows in axes.items():
        assert totals(rows) == pytest.approx(
            [desk_of[each] for each in MEASURES], rel=1e-9, abs=1e-12 * scale
        ), name
        assert sum(row.net for row in rows) == cycle.book.quantity.sum()
        assert all(row.net == row.long - row.short for row in rows)
        if (
            name not in ("account", "strategy") or vols == VOLS
        ):  # a worst case of two accounts is not that of their net
            down, up = cycle.gaps.desk[1], cycle.gaps.desk[4]
            assert sum(row.gap_down_usd for row in rows) == pytest.approx(down, rel=1e-9), name
            assert sum(row.gap_up_usd for row in rows) == pytest.approx(up, rel=1e-9), name


def test_a_position_that_two_accounts_hold_against_each_other_is_theirs_and_not_the_desks():
    """Five calls long and short: in the axis of accounts, in no other, and revalued for it."""
    cycle = cycle_by_hand(lines=((CALL110, 0, 0, 5), (CALL110, 1, 0, -5)), strategies=("",))
    axes, _ = groups_by_name(cycle)

    assert all(rows == () for name, rows in axes.items() if name != "account")
    assert "strategy" not in axes
    unnamed, house = sorted(axes["account"], key=lambda row: row.net, reverse=True)
    assert (unnamed.name, unnamed.net, house.name, house.net) == (UNNAMED, 5, "house", -5)
    assert unnamed.gap_up_usd == pytest.approx(-house.gap_up_usd) != 0.0
    assert unnamed.measures.delta_usd == -house.measures.delta_usd > 0.0


def test_what_has_no_value_is_counted_and_bounded_and_never_zero():
    """A put that nobody can value, alone in its group of moneyness and beside others in its class."""
    cycle = cycle_by_hand(vols=without_a_value(PUT100))
    axes, missing = groups_by_name(cycle)
    unknown = next(row for row in axes["delta"] if row.name == "unknown")
    own = next(row for row in axes["class"] if row.name == "XYZ")
    worst = bound_of_row(-30, cycle.values, cycle.market, PUT100)

    assert unknown.measures.delta_usd is None
    assert "groups.axes[delta].rows[unknown].measures" in missing.found
    assert own.measures.delta_usd is not None
    assert unknown.unvalued_contracts == own.unvalued_contracts == 30
    assert unknown.worst_case[0].delta_usd == own.worst_case[0].delta_usd == worst[Measure.DELTA_USD]
    assert unknown.gap_loss_usd > 0.0
    accounts = {row.name: row.unvalued_contracts for row in axes["account"]}
    assert accounts == {"house": 30, UNNAMED: 0}


def test_groups_of_time_and_strike_keep_their_order_and_others_begin_with_the_largest_gap():
    """So that a ladder reads as a ladder."""
    axes, _ = groups_by_name(cycle_by_hand())

    assert [row.name for row in axes["bucket"]] == ["1m", "3m", "linear"]
    assert [row.gap_loss_usd for row in axes["class"]] == sorted(
        (row.gap_loss_usd for row in axes["class"]), reverse=True
    )


def test_deltas_stand_side_by_side_with_what_the_index_does_not_explain():
    """Betas, index units and the rest of independent volatilities, written out."""
    cycle = cycle_by_hand()
    told = deltas_of(cycle, columns_by_hand(cycle), Missing())
    rows = {row.scope: row for row in told.rows}
    own, whole = rows["XYZ"], rows["desk"]
    vol = 0.25  # the mean of those given, which the view takes at the money
    rest = vol * np.sqrt((1.0 - 0.5**2) * cycle.desk.appetite.holding_days / 365.0)

    assert told.rows[0].scope == "desk"
    assert own.delta_usd == cycle.exposure.by_underlying[own_index(cycle), Measure.DELTA_USD]
    assert own.delta_shares * 100.0 == pytest.approx(own.delta_usd)
    assert own.beta_delta_usd == pytest.approx(0.5 * own.delta_usd)
    assert own.beta_delta_shares == pytest.approx(own.beta_delta_usd / 100.0)
    assert own.idiosyncratic_usd == pytest.approx(abs(own.delta_usd) * rest, rel=1e-9)
    assert (own.idiosyncratic_source, rows["IDX"].idiosyncratic_usd) == ("volatilities", 0.0)
    assert "Hull and White" in own.min_variance_source
    assert "smile delta" in rows["IDX"].min_variance_source
    assert whole.delta_shares is None
    assert whole.beta_delta_usd == pytest.approx(own.beta_delta_usd + rows["IDX"].beta_delta_usd)
    assert whole.idiosyncratic_usd == pytest.approx(own.idiosyncratic_usd)


def own_index(cycle):
    return cycle.table.underlyings.index("XYZ")


def columns_by_hand(cycle):
    return columns_of(
        SimpleNamespace(table=cycle.table, exposure=cycle.exposure, market=cycle.market, book=cycle.book)
    )


def test_a_desk_without_an_index_says_so_and_a_wrong_beta_too():
    """Nothing is told of a rest where there is none to tell."""
    plain, wrong = desk(), desk(index="IDX", underlyings=(UnderlyingTerms(symbol="XYZ", beta=2.0),))
    found = []
    for terms in (plain, wrong):
        cycle, missing = cycle_by_hand(terms=terms), Missing()
        found.append((deltas_of(cycle, columns_by_hand(cycle), missing).rows, missing.found))

    assert all(row.idiosyncratic_usd is None for row in found[0][0])
    assert "no index" in found[0][1]["deltas.rows[desk].beta_delta_shares"]
    assert "one of the two is wrong" in found[1][1]["deltas.rows[XYZ].idiosyncratic_usd"]


def test_coin_settled_contracts_stand_in_coin_beside_the_same_in_usd():
    """Two options; a share on the coin that settles in USD is no part of either line."""
    forward, vol = 60_000.0, 0.6
    book = (
        *(
            restruct(
                option(f"B{right.name[0]}", 60_000.0, 45, right, underlying="BTC", option_class="BTC", multiplier=1.0),
                payoff=Payoff.INVERSE, currency="BTC",
            )
            for right in Right
        ),
        share("ETF", underlying="BTC"),
    )  # fmt: skip
    market = view_by_hand(book, spot=forward, vols=[vol, vol, np.nan])
    options = market.table.is_option
    market = replace(market, unit=np.where(options, forward, 1.0), forward_fixed=options.copy())
    quantity = np.array([12, -7, 300])
    values = value(market)
    held = measure(quantity, basis_of(values, market, desk(), np.arange(3)))
    cycle = SimpleNamespace(
        exposure=held.exposure, market=market, desk=desk(), table=market.table, values=values,
        book=SimpleNamespace(quantity=quantity),
    )  # fmt: skip
    (row,) = deltas_of(cycle, columns_by_hand(cycle), Missing()).coin
    paid = sum(
        q * naive_price(forward, 60_000.0, 45.0 / 365.0, vol, 1.0, sign) / forward
        for q, sign in ((12, 1.0), (-7, -1.0))
    )

    assert (row.underlying, row.coin, row.usd_per_coin, row.unvalued_contracts) == ("BTC", "BTC", forward, 0)
    assert row.value_coin == pytest.approx(paid, rel=1e-9)
    assert row.value_usd == pytest.approx(paid * forward, rel=1e-9)
    assert row.delta_gross_coin - row.delta_coin == pytest.approx(paid, rel=1e-9)
    assert row.delta_usd == pytest.approx(row.delta_coin * forward, rel=1e-9)
    assert row.vega_usd_per_point == pytest.approx(row.vega_coin_per_point * forward, rel=1e-9)


def test_the_parts_of_the_deviation_add_up_by_factor_by_kind_and_by_underlying(cycle, report):
    """And the deviation is sqrt(E'SE), written out, before and after the hedges."""
    told = report.factors
    for book, deviation, name in (
        (cycle.held, told.deviation_usd, "contribution_usd"),
        (cycle.residual, told.deviation_after_usd, "contribution_after_usd"),
    ):
        e = book.factors.known.reshape(-1)
        assert deviation == pytest.approx(np.sqrt(e @ cycle.basis.covariance.matrix @ e), rel=1e-9)
        for rows in (told.by_kind, told.by_underlying, told.by_underlying[0].rows):
            assert sum(getattr(row, name) for row in rows) == pytest.approx(deviation, rel=1e-9)
    assert sum(row.share for row in told.by_kind) == pytest.approx(1.0)
    assert told.deviation_valued_usd == told.deviation_usd
    assert told.unverified
    assert told.covariance_source == "default, unverified"


def test_exposures_and_expiries_are_those_of_the_rooms(cycle, report):
    """By name; the levels of all expiries add up to the sum of vega by the shape of each strike."""
    (one,), of = report.factors.by_underlying, cycle.basis.factors
    spot = next(row for row in one.rows if row.factor == "spot")
    level = sum(row.vega.level_usd_per_point for row in one.smile)

    assert (spot.exposure, spot.exposure_after) == (
        cycle.held.factors.known[0, 0],
        cycle.residual.factors.known[0, 0],
    )
    assert spot.unit == "USD"
    assert {row.unit for row in one.rows if row.factor.startswith("level")} == {"USD per vol point"}
    assert level == pytest.approx(float(cycle.book.quantity @ np.nan_to_num(of.by_expiry[:, 0])))
    assert [(row.option_class, row.expiry[:10]) for row in one.smile] == sorted(
        (row.option_class, row.expiry[:10]) for row in one.smile
    )
    reference = (30.0 / np.array([7.0, 30.0, 91.0, 365.0, 730.0])) ** 0.5
    levels = [next((row.exposure for row in one.rows if row.factor == f"level_{at}"), 0.0) for at in ("1w", "1m", "3m", "1y", "2y")]  # fmt: skip
    assert one.weighted.level_usd_per_point == pytest.approx(float(reference @ levels))


def test_one_series_without_a_value_leaves_the_whole_unknown_and_the_rest_told():
    """The deviation of what has a value is that of the book without it; without a surface nobody knows the skew."""
    cycle = cycle_by_hand(vols=without_a_value(PUT100), hedge=((SHARE, 200),))
    rest = cycle_by_hand(lines=[line for line in LINES if line[0] != PUT100], vols=without_a_value(PUT100))
    missing = Missing()
    told = factors_of(cycle, columns_by_hand(cycle), missing)
    other = factors_of(rest, columns_by_hand(rest), Missing())

    assert told.deviation_usd is None
    assert (
        "XP100" in missing.found["factors.deviation_usd"] or "XC90" in missing.found["factors.deviation_usd"]
    )
    assert told.deviation_valued_usd == pytest.approx(other.deviation_valued_usd)
    own = next(one for one in told.by_underlying if one.underlying == "XYZ")
    skew = [row for row in own.rows if row.factor.startswith("skew")]
    assert skew
    assert all(
        row.exposure is None and row.contribution_usd is None and row.unvalued_contracts for row in skew
    )
    assert own.smile[0].unvalued_contracts == 20 + 30
    assert own.smile[0].vega.level_usd_per_point is not None


def test_an_underlying_without_a_volatility_is_named():
    """A share alone: its spot has no variance that anybody told."""
    cycle, missing = cycle_by_hand(lines=((SHARE, 0, 0, 10),), vols=(np.nan,) * len(BOOK)), Missing()
    told = factors_of(cycle, columns_by_hand(cycle), missing)

    assert told.deviation_valued_usd is None
    assert missing.found["factors.deviation_usd"] == "no volatility is known of XYZ"
    assert told.by_underlying[0].rows[0].exposure == 1000.0
    assert told.by_underlying[0].rows[0].factor_deviation is None


def test_a_book_with_nothing_in_it_has_no_deviation_and_no_shares(empty_report):
    """0 is known; a share of it does not exist."""
    told = empty_report.factors

    assert (told.deviation_usd, told.by_underlying) == (0.0, ())
    assert {row.share for row in told.by_kind} == {None}
    assert any("no deviation" in one.reason for one in empty_report.reasons)
    assert all(axis.rows == () for axis in empty_report.groups.axes)


@pytest.mark.parametrize("vols", [VOLS, without_a_value(PUT100), (np.nan,) * len(BOOK)])
def test_every_null_has_its_reason(vols):
    """Read as a file."""
    cycle, missing = cycle_by_hand(vols=vols, hedge=((SHARE, 200),)), Missing()
    columns = columns_by_hand(cycle)
    parts = {
        "groups": groups_of(cycle, missing),
        "deltas": deltas_of(cycle, columns, missing),
        "factors": factors_of(cycle, columns, missing),
    }
    raw = msgspec.json.encode(parts | {"reasons": missing.reasons()})

    assert unexplained(raw) == []
    assert b"NaN" not in raw


def test_the_console_adds_at_most_25_lines_and_none_for_an_empty_book(report, hurt_report, empty_report):
    """It says what is not known, too."""
    printed = []
    for one in (report, hurt_report, empty_report):
        out = io.StringIO()
        print_risk(one, Console(file=out, width=100, force_terminal=False))
        printed.append(out.getvalue())

    assert max(len(text.splitlines()) for text in printed) <= 25
    assert "moneyness" in printed[0]
    assert "default, unverified" in printed[0]
    assert "SD over 1 day unknown; of what has a value" in printed[1]
    assert printed[2] == ""


def test_the_console_names_strategies_and_accounts_where_a_fill_does(cycle):
    """Beside class, expiry and moneyness; long names are cut."""
    holdings = cycle.book.holdings
    strategy = np.arange(holdings.row.size) % 2
    named = replace(holdings, strategy=strategy, strategies=("a strategy with a long name", "flow"))
    told = plan_report(replace(cycle, book=replace(cycle.book, holdings=named)), sources=SOURCES)
    out = io.StringIO()
    print_risk(told, Console(file=out, width=100, force_terminal=False))

    assert "strategy " in out.getvalue()
    assert "a strategy …" in out.getvalue()
    assert "account" not in out.getvalue()


def test_bars_of_shares_lie_on_their_side_of_zero_and_what_is_unknown_is_hatched(report):
    """Minus offsets the rest."""
    first, second, third = report.factors.by_kind[:3]
    rows = (
        restruct(first, contribution_usd=100.0, contribution_after_usd=50.0, share=2.0, share_after=1.0),
        restruct(second, contribution_usd=-50.0, contribution_after_usd=0.0, share=-1.0, share_after=0.0),
        restruct(third, contribution_usd=None, contribution_after_usd=None, share=None),
    )
    told = share_bars(restruct(report.factors, by_kind=rows))

    assert told.zero == 110.0
    assert (told.bars[0].before, told.bars[0].after.width) == ((110.0, 220.0, "plus"), 110.0)
    assert told.bars[1].before == (0.0, 110.0, "minus")
    assert told.bars[2].before.tone == "none"


@pytest.mark.parametrize("name", ["report", "hurt_report", "empty_report"])
def test_the_page_has_the_three_sections(name, request):
    """With their names in the menu."""
    page = render_html(request.getfixturevalue(name))

    for section in ("groups", "deltas", "factors"):
        assert f'<section id="{section}"' in page
        assert f'href="#{section}"' in page
    assert "UNVERIFIED" in page
