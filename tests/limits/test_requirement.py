"""Capital and margin: what others report of a scope binds, and a contract adds to the requirement that decides."""

from dataclasses import replace

import numpy as np
import pytest

from flatbook.limits.check import check
from flatbook.limits.ladder import Step
from flatbook.limits.measured import DESK, Supplied
from flatbook.limits.pretrade import check_batch, prepare_pretrade
from flatbook.limits.requirement import reported_usd
from flatbook.model.parameters import Limit, LimitMeasure, ProductGroup
from tests.limits.books import ALL, MARKET, ROW, N, measured, quantities, without

_EQUITY = 1e6
_NAMES = MARKET.table.underlyings
_SCOPES = ({"underlying": "XYZ"}, {"underlying": "ABC"}, {"group": "shares"}, {})
_BOOK = quantities(XYZC100D60=-300, ABCP100D60=-1000, BTCC100D60=-3000)


def _backed(quantity, *, reports=None, market=MARKET, **terms):
    """The book with its requirement, or what others report, over an equity of a million."""
    book = measured(quantity, market=market, net_capital_usd=_EQUITY, **terms)
    own = dict(zip(_NAMES, book.capital.by_underlying.tolist(), strict=True)) | {DESK: book.capital.desk}
    used = {
        scope: max(usd, reported_usd(reports or {}, scope, (scope,) if scope else _NAMES)) / _EQUITY
        for scope, usd in own.items()
    }
    supplied = replace(book.supplied, margin_utilisation=used, capital_reported_usd=reports or {})
    return replace(book, supplied=supplied)


def _limits(measure, hard, scopes=_SCOPES):
    return tuple(Limit(measure=measure, limit_hard=hard, **scope) for scope in scopes)


def _margin(hard, **scope):
    return _limits(LimitMeasure.MARGIN_PCT, hard, (scope,))


def _allowed(book, limits, *orders):
    row, side, contracts = np.array([(ROW[symbol], side, n) for symbol, side, n in orders]).T
    pretrade = prepare_pretrade(check(book, limits, {}), book)
    return check_batch(pretrade, row, side.astype(np.int8), contracts)[0].tolist()


@pytest.mark.parametrize("symbol", ["XYZC100D60", "XYZP100D60", "XYZC110D60", "ABCC100D60", "ABCP100D60"])
def test_margin_of_each_scope_moves_as_its_own_requirement(symbol):
    """One contract sold, measured again: by underlying at its own worst point, of a group its fullest member, of the desk all together."""
    limits = _limits(LimitMeasure.MARGIN_PCT, 90.0)
    before, row = check(_backed(_BOOK), limits, {}), ROW[symbol]
    after = check(_backed(_BOOK - np.eye(N, dtype=np.int64)[row]), limits, {})
    moved = [b.utilisation - a.utilisation for a, b in zip(before.limits, after.limits, strict=True)]

    assert before.sell_slope[:, row] == pytest.approx(moved, rel=1e-9, abs=1e-12)
    assert before.buy_slope[:, row] == pytest.approx(-before.sell_slope[:, row])
    assert not before.unknown.any()
    assert before.limits[2].where == "ABC"


def test_where_a_minimum_binds_its_own_scope_alone_has_no_direction():
    """ABC is flat: its limit and the desk's cannot say which side adds; that of XYZ can."""
    xyz, abc, shares, desk = check(
        _backed(quantities(XYZC100D60=-300)), _limits(LimitMeasure.MARGIN_PCT, 90.0), {}
    ).unknown

    assert (xyz.any(), shares.any()) == (False, False)
    inside = np.array([item.underlying == "ABC" for item in ALL])
    assert (abc == inside).all()
    assert desk.all()


@pytest.mark.parametrize("scope", [*_SCOPES, {"underlying": "BTC"}], ids=str)
@pytest.mark.parametrize(
    "order",
    [("XYZC100D60", -1), ("ABCC110D60", -1), ("XYZP90D60", -1), ("BTCP100D60", -1), ("ABCC100D60", 1)],
)
def test_margin_allows_an_order_to_the_last_contract_that_keeps_it(scope, order):
    """Full revaluation, past the point at which another scenario decides, and of an underlying that is flat; found by measuring again.

    Without offsets: with them what a gain counts depends on where the book is, and losses count in full.
    """
    alone = {"groups": (ProductGroup(name="shares", underlyings=("XYZ", "ABC")),)}
    quantity = quantities(XYZP100D60=-30, BTCP100D60=-30)  # ABC is flat
    symbol, side = order
    (limit,) = limits = _margin(20.0, **scope)
    (allowed,) = _allowed(_backed(quantity, **alone), limits, (symbol, side, 400))
    one = side * np.eye(N, dtype=np.int64)[ROW[symbol]]
    used = [
        check(_backed(quantity + n * one, **alone), limits, {}).limits[0].utilisation
        for n in (0, allowed, allowed + 1)
    ]

    assert used[0] < 1.0, limit.name
    assert used[1] <= 1.0 + 1e-12
    assert allowed == 400 or used[2] > 1.0


def test_whatever_fills_of_what_margin_allowed_keeps_it():
    """Forty random books, batches and fills of them, measured again; seed 11. A limit in breach is used no further."""
    random = np.random.default_rng(11)
    scopes = (*_SCOPES, {"underlying": "BTC"})
    stopped = 0
    for trial in range(40):
        quantity = np.where(random.random(N) < 0.4, random.integers(-40, 41, N), 0)
        book = _backed(quantity)
        used = check(book, _limits(LimitMeasure.MARGIN_PCT, 1.0, scopes), {}).limits
        limits = tuple(
            Limit(measure=LimitMeasure.MARGIN_PCT, limit_hard=float(random.uniform(0.6, 2.5) * one.utilisation + 0.1), **scope)
            for one, scope in zip(used, scopes, strict=True)
        )  # fmt: skip
        limits = tuple(limits[k] for k in random.choice(len(limits), 2, replace=False))
        standing = check(book, limits, {})
        row, side, wanted = random.integers(0, N, 12), random.choice([-1, 1], 12), random.integers(0, 60, 12)
        allowed = check_batch(prepare_pretrade(standing, book), row, side.astype(np.int8), wanted)[0]
        after = quantity.copy()
        np.add.at(after, row, side * np.floor(allowed * random.choice([0.0, 0.4, 1.0], 12)).astype(np.int64))
        again = check(_backed(after), limits, {}).limits
        stopped += int((allowed < wanted).any())

        for one, before in zip(again, standing.limits, strict=True):
            assert one.utilisation <= max(1.0, before.utilisation) * (1.0 + 1e-9), (trial, one.limit.name)
    assert stopped > 20


@pytest.mark.parametrize("measure", [LimitMeasure.CAPITAL_USD, LimitMeasure.MARGIN_PCT])
@pytest.mark.parametrize("scope", _SCOPES, ids=str)
def test_a_report_above_the_limit_stops_what_adds_and_lets_what_closes(measure, scope):
    """Our own requirement is far inside; the firm asks for five millions."""
    names = [name for name in ("XYZ", "ABC") if scope.get("underlying", name) == name]
    book = _backed(quantities(XYZC100D60=-50, ABCC100D60=-80), reports={"firm": dict.fromkeys(names, 5e6)})
    limits = _limits(measure, 2e6 if measure is LimitMeasure.CAPITAL_USD else 200.0, (scope,))
    symbol = "ABCC100D60" if scope.get("underlying") == "ABC" or "group" in scope else "XYZC100D60"

    assert check(book, limits, {}).limits[0].step is Step.HARD
    assert check(_backed(book.exposure.quantity), limits, {}).limits[0].step is Step.NORMAL
    assert _allowed(book, limits, (symbol, -1, 10)) == [0]
    assert _allowed(book, limits, (symbol, 1, 10)) == [10]


def test_in_breach_of_one_member_the_others_of_a_group_keep_their_own_margin():
    """XYZ is asked for five millions against two; ABC, which needs little, may grow to two and no further."""
    book = _backed(quantities(XYZC100D60=-50, ABCC100D60=-80), reports={"firm": {"XYZ": 5e6}})
    limits = _margin(200.0, group="shares")
    (xyz, back, abc) = _allowed(
        book, limits, ("XYZC100D60", -1, 10), ("XYZC100D60", 1, 50), ("ABCC100D60", -1, 10_000)
    )
    after = book.exposure.quantity - abc * np.eye(N, dtype=np.int64)[ROW["ABCC100D60"]]

    assert (xyz, back) == (0, 50)
    assert 0 < abc < 10_000
    assert _backed(after).capital.by_underlying[1] == pytest.approx(2e6, rel=1e-3)


@pytest.mark.parametrize("measure", [LimitMeasure.CAPITAL_USD, LimitMeasure.MARGIN_PCT])
def test_the_room_below_a_report_is_what_it_leaves_of_the_limit(measure):
    """What the firm asks for grows as ours does: of a limit of 1.2 times the report a fifth of the report is left."""
    quantity, row = quantities(XYZC100D60=-50), ROW["XYZC100D60"]
    own = _backed(quantity).capital.by_underlying[0]
    book = _backed(quantity, reports={"firm": {"XYZ": 2.0 * own}})
    hard = 2.4 * own if measure is LimitMeasure.CAPITAL_USD else 240.0 * own / _EQUITY
    limits = _limits(measure, hard, ({"underlying": "XYZ"},))
    (allowed,) = _allowed(book, limits, ("XYZC100D60", -1, 500))
    more = [
        _backed(quantity - n * np.eye(N, dtype=np.int64)[row]).capital.by_underlying[0] - own
        for n in (allowed, allowed + 1)
    ]

    assert 0 < allowed < 500
    assert more[0] <= 0.4 * own * (1.0 + 1e-12) < more[1]


def test_reports_by_underlying_add_up_to_what_their_source_asks_of_a_wider_scope():
    """The most over the sources; what a source says of the scope itself goes before the sum, which knows none of its offsets."""
    reports = {"firm": {"XYZ": 1e6, "ABC": 2e6}, "exchange": {"XYZ": 2.5e6, DESK: 2e6}}
    book = _backed(quantities(XYZC100D60=-1), reports=reports)
    found = check(book, _limits(LimitMeasure.CAPITAL_USD, 1e9), {}).limits

    assert [one.value for one in found] == [2.5e6, 2e6, 3e6, 3e6]
    assert {one.where for one in found} == {"as reported"}
    assert (
        check(
            _backed(quantities(XYZC100D60=-1), reports={"firm": {"BTC": 9e6}}),
            _limits(LimitMeasure.CAPITAL_USD, 1e9),
            {},
        )
        .limits[2]
        .value
        < 1e5
    )


@pytest.mark.parametrize("hard", [4_000.0, 5_500.0, 1e6], ids=["breach", "strained", "healthy"])
def test_what_is_not_held_at_a_stale_price_answers_as_with_a_fresh_one_or_stricter(hard):
    """Vega of the desk is short; nobody knows what a contract of ABC adds, so both sides of it add and none has room."""
    quantity = quantities(XYZC100D60=-300)
    limits = _limits(LimitMeasure.VEGA_USD_PER_POINT, hard, ({},))
    fresh = check(measured(quantity), limits, {})
    stale = check(measured(quantity, supplied=Supplied(stale_underlyings={"ABC": "old"})), limits, {})
    abc = np.array([item.underlying == "ABC" for item in ALL])

    assert stale.limits == fresh.limits
    assert (stale.unknown[0] == abc).all()
    assert (stale.buy_room[abc] == 0.0).all()
    assert (stale.sell_room[abc] == 0.0).all()
    for name in ("buy_slope", "sell_slope", "buy_room", "sell_room"):
        assert np.array_equal(getattr(stale, name)[..., ~abc], getattr(fresh, name)[..., ~abc]), name
    for before, now in zip(fresh.responses, stale.responses, strict=True):
        assert now.step == (stale.limits[0].step if now.option_class == "ABC" else before.step) >= before.step


def test_a_series_without_a_value_has_no_room_and_strains_nothing_of_a_healthy_limit():
    """The others of its class answer as ever."""
    limits = _limits(LimitMeasure.VEGA_USD_PER_POINT, 1e6, ({},))
    dark = ROW["XYZC110D60"]
    found = check(measured(quantities(XYZC100D60=-30), market=without("XYZC110D60")), limits, {})

    assert (found.limits[0].step, {one.step for one in found.responses}) == (Step.NORMAL, {Step.NORMAL})
    assert (found.buy_room[dark], found.sell_room[dark]) == (0.0, 0.0)
    assert np.flatnonzero(found.unknown[0]).tolist() == [dark]
    assert (found.sell_room[[ROW["XYZC100D60"], ROW["XYZP90D3"]]] > 0.0).all()


@pytest.mark.parametrize(
    "supplied",
    [Supplied(), Supplied(measured_ns={LimitMeasure.SERIES_CONTRACTS: 0})],
    ids=["no group", "old"],
)
def test_a_series_limit_of_unknown_value_that_tightens_is_a_breach(supplied):
    """Toward expiry each series has its own; without values there is one, the tightest."""
    more = {"tighten_days": 30.0, "tighten_expiry_factor": 0.5, "limit_hard": 100.0}
    limit = Limit(
        measure=LimitMeasure.SERIES_CONTRACTS, group="shares" if supplied.measured_ns else "metals", **more
    )
    book = measured(_BOOK, supplied=supplied)
    found = check(book, (limit, Limit(measure=LimitMeasure.DELTA_USD, limit_hard=1e9)), {})
    least = 100.0 * (0.5 + 0.5 * 3.0 / 30.0)

    assert (found.limits[0].step, found.limits[0].limit_hard) == (Step.HARD, pytest.approx(least))
    assert "which counts as a breach" in found.limits[0].reason
    assert _allowed(book, (limit,), ("XYZC100D60", 1, 5)) == [0]
