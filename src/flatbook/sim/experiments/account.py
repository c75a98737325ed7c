"""P&L of a day told apart without a remainder: spread captured, what came after it, inventory, hedges, fees.

Source: domain reference 4.16 and V41. Every trade is held against the true worth of its contract: its edge at that moment, what the
worth did until the horizon of markouts (adverse selection, of quotes), and what it did from then to the end of the day (inventory). With
w the true worth at the end, p the price, f the true worth at the trade and h that at the horizon, a contract bought makes

    w - p = (f - p) + (h - f) + (w - h).

Edges, markouts and the rest, over all trades, and the change of what was held at the open, are what cash and the final book come to.
"""

from dataclasses import dataclass
from math import fsum

import numpy as np

from flatbook.model.table import Floats, Ints
from flatbook.sim.experiments.record import DayRecord, TradeKind

LEAST_SLACK_USD, SLACK_OF_GROSS = 1e-9, 1e-12  # V41


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """P&L in USD, plus is ours. The parts, `spread_usd` to `fees_hedges_usd`, add up to `pnl_usd`."""

    pnl_usd: float  # cash and final worth, less the worth at the open
    spread_usd: float  # edge of quotes at the trade
    adverse_usd: float  # quotes: what the worth did until the horizon; what customers knew is in it
    inventory_usd: float  # quotes from the horizon on, and what was held at the open
    hedge_slippage_usd: float  # edge of hedges: what crossing the market cost
    hedge_pnl_usd: float  # what hedges made from their trade on
    offset_slippage_usd: float  # the same of option offsets
    offset_pnl_usd: float
    settlement_usd: float  # exercise and expiry away from true worth
    correction_usd: float  # busts and corrected prices
    fees_quotes_usd: float  # as P&L: negative where paid; settlement and corrections too
    fees_hedges_usd: float  # hedges and offsets
    gross_usd: float  # everything traded and held at its size: what rounding is measured by

    def parts(self) -> tuple[float, ...]:
        """What adds up to `pnl_usd`."""
        return (
            self.spread_usd, self.adverse_usd, self.inventory_usd, self.hedge_slippage_usd, self.hedge_pnl_usd,
            self.offset_slippage_usd, self.offset_pnl_usd, self.settlement_usd, self.correction_usd,
            self.fees_quotes_usd, self.fees_hedges_usd,
        )  # fmt: skip


def account_of(record: DayRecord) -> Account:
    """Tell the P&L of a day apart.

    Returns
    -------
    Account

    Raises
    ------
    AssertionError
        Positions are not the sum of trades, something held has no worth, or the parts do not add up to cash and worth
        within max(1e-9, 1e-12 gross) USD.
    """
    trades = record.trades
    _check_positions(record)
    last = _last_worth(record)
    signed = (trades.side * trades.quantity) * record.unit_usd[trades.row]
    edge = signed * (trades.fair - trades.price)
    later = signed * (trades.fair_later - trades.fair)
    rest = signed * (last[trades.row] - trades.fair_later)
    of = {kind: trades.kind == kind for kind in TradeKind}
    hedging = of[TradeKind.HEDGE] | of[TradeKind.OFFSET]
    quoted = of[TradeKind.QUOTE]
    moved = ~quoted & ~hedging
    opening = _value(record, record.position[0], record.fair[0])
    closing = _value(record, record.position[-1], last)
    held = _value(record, record.position[0], last)
    amounts = np.concatenate([signed * trades.price, opening, closing, held])
    account = Account(
        pnl_usd=fsum([record.cash_usd, *closing, *(-opening)]),
        spread_usd=fsum(edge[quoted]),
        adverse_usd=fsum(later[quoted]),
        inventory_usd=fsum([*rest[quoted], *later[moved], *rest[moved], *held, *(-opening)]),
        hedge_slippage_usd=fsum(edge[of[TradeKind.HEDGE]]),
        hedge_pnl_usd=fsum([*later[of[TradeKind.HEDGE]], *rest[of[TradeKind.HEDGE]]]),
        offset_slippage_usd=fsum(edge[of[TradeKind.OFFSET]]),
        offset_pnl_usd=fsum([*later[of[TradeKind.OFFSET]], *rest[of[TradeKind.OFFSET]]]),
        settlement_usd=fsum(edge[of[TradeKind.SETTLEMENT]]),
        correction_usd=fsum(edge[of[TradeKind.CORRECTION]]),
        fees_quotes_usd=-fsum(trades.fee_usd[~hedging]),
        fees_hedges_usd=-fsum(trades.fee_usd[hedging]),
        gross_usd=fsum(np.abs(amounts)) + fsum(np.abs(trades.fee_usd)),
    )
    _check_identity(account, record)
    return account


def marked(record: DayRecord) -> Floats:
    """float64[k]: P&L at each sample, at true worth; NaN where something held has none.

    The last is `pnl_usd` but for what the exchange charges outside trades.
    """
    trades = record.trades
    paid = -(trades.side * trades.quantity) * trades.price * record.unit_usd[trades.row] - trades.fee_usd
    running = np.concatenate([[0.0], np.cumsum(paid)])
    cash = running[np.searchsorted(trades.at_ns, record.at_ns, side="right")]
    worth = np.where(record.position == 0, 0.0, record.position * record.fair * record.unit_usd).sum(axis=1)
    return np.asarray(cash + worth - worth[0])


def _check_positions(record: DayRecord) -> None:
    trades = record.trades
    after = np.array(record.position[0], dtype=np.int64)
    np.add.at(after, trades.row, trades.side * trades.quantity)
    wrong = np.flatnonzero(after != record.position[-1])
    names = [record.table.instruments[row].symbol for row in wrong[:5].tolist()]
    assert not wrong.size, f"{_told(record)}: position is not the sum of trades in {', '.join(names)}"


def _check_identity(account: Account, record: DayRecord) -> None:
    parts = fsum(account.parts())
    slack = max(LEAST_SLACK_USD, SLACK_OF_GROSS * account.gross_usd)
    off = abs(parts - account.pnl_usd)
    assert off <= slack, (
        f"{_told(record)}: parts add up to {parts!r} USD, cash and worth to {account.pnl_usd!r}; "
        f"{off!r} apart, at most {slack!r}"
    )


def _last_worth(record: DayRecord) -> Floats:
    """float64[n_rows]: true worth at the end; of what is gone by then the last that is known, of what never had one that of its last trade."""
    fair, trades = record.fair, record.trades
    known = np.isfinite(fair)
    at = np.where(known.any(axis=0), fair.shape[0] - 1 - np.argmax(known[::-1], axis=0), 0)
    last = np.array(fair[at, np.arange(fair.shape[1])])
    for row, worth in zip(trades.row.tolist(), trades.fair_later.tolist(), strict=True):
        if not known[:, row].any():
            last[row] = worth
    stale = (record.position[-1] != 0) & ~known[-1]
    names = [record.table.instruments[row].symbol for row in np.flatnonzero(stale)[:5].tolist()]
    assert not stale.any(), f"{_told(record)}: held at the end without a worth: {', '.join(names)}"
    return last


def _value(record: DayRecord, position: Ints, fair: Floats) -> Floats:
    """float64[n_rows]: USD."""
    value = np.where(position == 0, 0.0, position * np.where(position == 0, 0.0, fair) * record.unit_usd)
    assert np.isfinite(value).all(), f"{_told(record)}: something held has no worth"
    return np.asarray(value)


def _told(record: DayRecord) -> str:
    return f"{record.scenario}, {record.policy}, seed {record.seed}"
