"""What a day came to, held against the columns that it was made of."""

from dataclasses import replace

import numpy as np
import pytest

from flatbook.model.measures import Measure
from flatbook.sim.experiments.account import account_of
from flatbook.sim.experiments.day_curves import MOST_SAMPLES
from flatbook.sim.experiments.day_figures import outcome_of
from flatbook.sim.experiments.figures import FIGURES, PARTS, PATHS
from flatbook.sim.experiments.record import TradeKind
from tests.sim.experiments.fakes import SAMPLES, STEP_NS, run_day

SEED = 3


@pytest.fixture(scope="module")
def record():
    """A day of the joint policy."""
    return run_day("joint", SEED)


@pytest.fixture(scope="module")
def outcome(record):
    """What it came to, with its lines."""
    return outcome_of(record, curves=True)


def test_every_figure_that_is_listed_is_told_and_none_besides(outcome):
    """And the parts are the account's."""
    assert set(outcome.figures) == {one.name for one in FIGURES}
    assert set(outcome.paths) == {one.name for one in PATHS}
    assert sum(outcome.figures[name] for name in PARTS) == pytest.approx(outcome.figure("pnl_usd"))


def test_shares_of_time_are_those_of_the_samples_that_held(record, outcome):
    """Even steps: a mean over all samples but the last."""
    over = record.utilisation[:-1] >= 1.0

    assert outcome.figure("over_share") == pytest.approx(over.any(axis=1).mean())
    assert [one.over_share for one in outcome.limits] == pytest.approx(over.mean(axis=0))
    assert outcome.figure("worst_utilisation") == record.utilisation.max()
    assert outcome.figure("capital_mean_usd") == pytest.approx(record.capital_usd[:-1].mean())


def test_a_measure_that_is_not_known_is_over_its_limit(record):
    """A number we could not compute is a breach, and what it was at the most is not known."""
    used = np.zeros_like(record.utilisation)
    used[4:6, 1] = np.nan
    told = outcome_of(replace(record, utilisation=used))

    assert told.figure("over_share") == pytest.approx(2.0 / (SAMPLES - 1))
    assert told.figures["worst_utilisation"] is None
    assert [one.most for one in told.limits] == [0.0, None]


def test_paths_are_moments_of_the_samples(record, outcome):
    """Contracts by the exchange's account, Greeks as measured; the sums are those of neighbours."""
    net = record.position[:, 1:].sum(axis=1).astype(float)
    delta = record.measures[:, 0, Measure.DELTA_USD]
    for name, line in (("inventory", net), ("delta_usd", delta)):
        path = outcome.paths[name]

        assert path.mean == pytest.approx(line[:-1].mean())
        assert path.mean_square == pytest.approx((line[:-1] ** 2).mean())
        assert path.end == line[-1]
        assert path.pairs == SAMPLES - 1
        assert path.sum_xy == pytest.approx(line[:-1] @ line[1:])


def test_reversion_is_told_at_even_steps_whatever_cycles_there_were(record, outcome):
    """A cycle more, between two others, with what held already: sums and means are as before; two at one instant do no harm."""
    at = np.array([*range(10), 9, 9, *range(10, SAMPLES)])
    at_ns = record.at_ns[at]
    at_ns[10] += STEP_NS // 3
    at_ns[11] += STEP_NS // 3
    more = replace(
        record,
        at_ns=at_ns,
        **{
            n: getattr(record, n)[at]
            for n in ("spot", "fair", "position", "measures", "utilisation", "capital_usd")
        },
    )
    told = outcome_of(more)

    assert told.paths["inventory"] == outcome.paths["inventory"]
    assert told.paths["vega_usd_per_point"].mean == pytest.approx(outcome.paths["vega_usd_per_point"].mean)
    assert told.figures["over_share"] == pytest.approx(outcome.figures["over_share"])
    # a hedge halfway counts for three quarters of the shorter step in place of a half of the whole one
    assert told.figures["direction_usd"] == pytest.approx(outcome.figures["direction_usd"], abs=50.0)


def test_a_gap_in_a_path_leaves_out_its_neighbours(record):
    """Two pairs touch one unknown sample."""
    measures = record.measures.copy()
    measures[7] = np.nan
    told = outcome_of(replace(record, measures=measures))

    assert told.paths["vega_usd_per_point"].pairs == SAMPLES - 3
    assert told.figures["direction_usd"] is None


def test_direction_is_what_shares_alone_make():
    """Held from the open, 300 shares: the P&L but for the second order, to the cent."""
    record = run_day("warehouse", SEED)
    position = np.zeros_like(record.position)
    position[:, 0] = 300
    measures = np.zeros_like(record.measures)
    measures[:, 0, Measure.DELTA_USD] = 300.0 * record.spot[:, 0]
    trades = replace(
        record.trades, **{n: getattr(record.trades, n)[:0] for n in record.trades.__dataclass_fields__}
    )
    told = outcome_of(replace(record, position=position, measures=measures, trades=trades, cash_usd=0.0))

    assert told.figure("direction_usd") == pytest.approx(told.figure("pnl_usd"), rel=1e-9)
    assert told.figures["informed_share"] is None


def test_what_is_bought_between_two_samples_counts_from_its_trade_on():
    """100 shares halfway through the first step: half of that step's move, and all of the next ones."""
    record = run_day("warehouse", SEED)
    spot, at = record.spot[:, 0], record.at_ns[0] + STEP_NS // 2
    position = np.zeros_like(record.position)
    position[1:, 0] = 100
    measures = np.zeros_like(record.measures)
    measures[1:, 0, Measure.DELTA_USD] = 100.0 * spot[1:]
    one = {"at_ns": at, "row": 0, "side": 1, "quantity": 100, "price": spot[0], "fee_usd": 0.0, "fair": spot[0], "fair_later": spot[2], "kind": TradeKind.HEDGE, "maker": False, "informed": False}  # fmt: skip
    trades = replace(
        record.trades, **{n: np.array([v], dtype=getattr(record.trades, n).dtype) for n, v in one.items()}
    )
    told = outcome_of(
        replace(record, position=position, measures=measures, trades=trades, cash_usd=-100.0 * spot[0])
    )
    known = 100.0 * (0.5 * (spot[1] - spot[0]) + spot[-1] - spot[1])

    assert told.figure("direction_usd") == pytest.approx(known, rel=1e-9)


def test_costs_and_customers_who_knew(record, outcome):
    """By the trades themselves."""
    trades = record.trades
    quoted = trades.kind == TradeKind.QUOTE
    paid = (trades.side * trades.quantity * record.unit_usd[trades.row] * (trades.price - trades.fair))[
        ~quoted
    ].sum()
    account = account_of(record)

    assert outcome.figure("hedge_cost_usd") == pytest.approx(paid + trades.fee_usd[~quoted].sum())
    assert outcome.figure("quoted_contracts") == trades.quantity[quoted].sum()
    assert abs(outcome.figure("informed_adverse_usd")) > 0.0
    assert outcome.figure("adverse_usd") == account.adverse_usd


def test_lines_of_a_picture_are_the_samples_and_its_marks_the_trades(record, outcome):
    """Quotes of the watched series, fills in it, every hedge; long lines are thinned to their ends."""
    curves = outcome.curves
    long = replace(
        record.watched,
        **{n: np.tile(getattr(record.watched, n), 50) for n in ("at_ns", "bid", "ask", "fair")},
    )
    thin = outcome_of(replace(record, watched=long), curves=True).curves

    assert curves.delta_usd == tuple(record.measures[:, 0, Measure.DELTA_USD])
    assert curves.pnl_usd[-1] == pytest.approx(outcome.figure("pnl_usd"), abs=1e-6)
    assert curves.watched == "XYZ 100C"
    assert {one.symbol for one in curves.fills} == {"XYZ 100C"}
    assert len(curves.hedges) == (record.trades.kind != TradeKind.QUOTE).sum()
    assert len(thin.bid) == MOST_SAMPLES
    assert thin.bid[-1] == record.watched.bid[-1]
    assert outcome_of(record).curves is None
