"""P&L told apart adds up to cash and worth, each part by hand, and a record that is wrong is refused."""

from dataclasses import replace

import numpy as np
import pytest

from flatbook.sim.experiments.account import Account, account_of, marked
from flatbook.sim.experiments.record import TradeKind
from tests.sim.experiments.fakes import POLICIES, STEP_NS, run_day, trades_of
from tests.worlds import NOW_NS

SEED = 5


def by_hand(rows, *, opening=(0, 0, 0, 0), end=(101.0, 2.0, 4.5, 1.5), other_usd=0.0):
    """A day of these trades: two samples, the end at these worths."""
    record, trades = run_day("warehouse", SEED), trades_of(rows)
    first, last = np.array(opening, dtype=np.int64), np.array(opening, dtype=np.int64)
    np.add.at(last, trades.row, trades.side * trades.quantity)
    paid = (
        trades.side * trades.quantity * trades.price * record.unit_usd[trades.row]
    ).sum() + trades.fee_usd.sum()
    return replace(
        record, at_ns=record.at_ns[:2], spot=record.spot[:2], fair=np.array([[100.0, 2.0, 4.0, 1.5], end]),
        position=np.stack([first, last]), measures=record.measures[:2], utilisation=record.utilisation[:2],
        capital_usd=record.capital_usd[:2], cash_usd=-float(paid) + other_usd, trades=trades,
    )  # fmt: skip


def trade(row, side, quantity, price, fair, later, kind, fee=0.0, informed=False):
    """One row of trades, halfway through."""
    return (NOW_NS + STEP_NS // 2, row, side, quantity, price, fee, fair, later, kind, True, informed)


def test_each_part_is_what_it_says():
    """Sold 2 calls at 4.05, worth 4.00, 4.20 at the horizon, 4.50 at the end; bought 100 shares at 100.02, worth 100, 101 at the end."""
    account = account_of(
        by_hand(
            [
                trade(2, -1, 2, 4.05, 4.0, 4.2, TradeKind.QUOTE, 1.0),
                trade(0, 1, 100, 100.02, 100.0, 100.4, TradeKind.HEDGE, 0.5),
            ]
        )
    )

    assert account.spread_usd == pytest.approx(2 * 100 * 0.05)
    assert account.adverse_usd == pytest.approx(-2 * 100 * 0.20)
    assert account.inventory_usd == pytest.approx(-2 * 100 * 0.30)
    assert account.hedge_slippage_usd == pytest.approx(-100 * 0.02)
    assert account.hedge_pnl_usd == pytest.approx(100 * 1.0)
    assert (account.fees_quotes_usd, account.fees_hedges_usd) == (-1.0, -0.5)
    assert account.pnl_usd == pytest.approx(2 * 405 - 2 * 450 - 100 * 100.02 + 100 * 101.0 - 1.5)
    assert sum(account.parts()) == pytest.approx(account.pnl_usd)


def test_what_was_held_at_the_open_is_inventory():
    """Three calls from 4.00 to 4.50."""
    account = account_of(by_hand([], opening=(0, 0, 3, 0)))

    assert account.inventory_usd == account.pnl_usd == pytest.approx(3 * 100 * 0.5)


def test_an_option_that_expired_counts_by_what_it_settled_at():
    """Bought at 1.40, settled at 0.25; nobody gives it a worth at the end, and none is needed."""
    account = account_of(
        by_hand(
            [
                trade(3, 1, 2, 1.4, 1.5, 1.45, TradeKind.QUOTE),
                trade(3, -1, 2, 0.25, 0.25, 0.25, TradeKind.SETTLEMENT),
            ],
            end=(101.0, 2.0, 4.5, np.nan),
        )
    )

    assert account.pnl_usd == pytest.approx(2 * 100 * (0.25 - 1.4))
    assert account.settlement_usd == 0.0
    assert account.spread_usd == pytest.approx(2 * 100 * 0.1)
    assert account.adverse_usd + account.inventory_usd == pytest.approx(2 * 100 * (0.25 - 1.5))


def test_a_bust_takes_the_trade_back():
    """At its own price: the edge is lost again."""
    account = account_of(
        by_hand(
            [
                trade(2, -1, 2, 4.05, 4.0, 4.2, TradeKind.QUOTE),
                trade(2, 1, 2, 4.05, 4.0, 4.2, TradeKind.CORRECTION),
            ]
        )
    )

    assert account.pnl_usd == 0.0
    assert account.correction_usd == pytest.approx(-account.spread_usd)
    assert account.adverse_usd + account.inventory_usd == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", range(1, 6))
def test_the_identity_holds_on_whole_days(policy, seed):
    """V41: to max(1e-9, 1e-12 gross); and the line of P&L ends there."""
    record = run_day(policy, seed)
    account = account_of(record)

    assert abs(sum(account.parts()) - account.pnl_usd) <= max(1e-9, 1e-12 * account.gross_usd), seed
    assert marked(record)[-1] == pytest.approx(account.pnl_usd, abs=1e-6)
    assert marked(record)[0] == 0.0
    assert account.spread_usd > 0.0
    if policy == "warehouse":
        assert account.hedge_pnl_usd == account.hedge_slippage_usd == account.offset_pnl_usd == 0.0


def spoiled(**changes):
    """A day of which something is wrong."""
    return replace(run_day("joint", SEED), **changes)


def test_a_record_that_does_not_add_up_is_refused():
    """A cent of cash, a lost fill, a worth that is missing: each stops the run."""
    record = run_day("joint", SEED)
    short = record.position.copy()
    short[-1, 2] += 1
    unknown = record.fair.copy()
    unknown[-1, 2] = np.nan

    with pytest.raises(AssertionError, match=r"parts add up to.*0\.00999"):
        account_of(spoiled(cash_usd=record.cash_usd + 0.01))
    with pytest.raises(AssertionError, match="not the sum of trades in XYZ 100C"):
        account_of(spoiled(position=short))
    with pytest.raises(AssertionError, match="without a worth: XYZ 100C"):
        account_of(spoiled(fair=unknown))
    with pytest.raises(AssertionError):
        account_of(spoiled(trades=replace(record.trades, fair_later=record.trades.fair_later * np.nan)))


def test_parts_are_all_fields_but_the_whole_and_its_size():
    """None is forgotten."""
    names = [name for name in Account.__dataclass_fields__ if name not in ("pnl_usd", "gross_usd")]
    values = {name: float(at) for at, name in enumerate(names)}
    account = Account(**values, pnl_usd=0.0, gross_usd=0.0)

    assert account.parts() == tuple(values.values())
