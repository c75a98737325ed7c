"""From the columns of a day to what it came to."""

import numpy as np

from flatbook.model.measures import Measure
from flatbook.model.table import Bools, Floats, Ints
from flatbook.sim.experiments.account import Account, account_of, marked
from flatbook.sim.experiments.day_curves import curves_of
from flatbook.sim.experiments.figures import PATH_STEP_S, PATHS
from flatbook.sim.experiments.outcome import BoundTold, BreachTold, Number, Outcome, Path
from flatbook.sim.experiments.record import DayRecord, TradeKind

_FULL = 1.0
_NS = 1e9


def outcome_of(record: DayRecord, *, curves: bool = False) -> Outcome:
    """What a day came to.

    Parameters
    ----------
    record : DayRecord
    curves : bool
        Keep the lines of a picture too.

    Raises
    ------
    AssertionError
        The P&L identity does not hold; see `account_of`.
    """
    account, pnl = account_of(record), marked(record)
    lines = path_columns(record)
    return Outcome(
        scenario=record.scenario,
        policy=record.policy,
        seed=record.seed,
        figures=_figures(record, account, pnl),
        paths={name: _path(lines[name], record) for name in (one.name for one in PATHS)},
        limits=_limits(record),
        residual_end_usd={kind: known(value) for kind, value in record.residual_end_usd.items()},
        residual_mean_usd={kind: known(value) for kind, value in record.residual_mean_usd.items()},
        counts=dict(record.counts),
        breaches=tuple(
            BreachTold(
                at_s=float(one.at_ns - record.at_ns[0]) / _NS,
                limit=one.limit,
                utilisation=known(one.utilisation),
                cause=one.cause,
            )
            for one in record.breaches
        ),
        curves=curves_of(record, pnl, lines) if curves else None,
    )


def path_columns(record: DayRecord) -> dict[str, Floats]:
    """float64[k] of each of `PATHS`: contracts by the exchange's account, Greeks as the engine measured them."""
    options = record.position[:, record.table.is_option]
    desk = record.measures.sum(axis=1)
    return {
        "inventory": options.sum(axis=1).astype(np.float64),
        "gross": np.abs(options).sum(axis=1).astype(np.float64),
        "delta_usd": desk[:, Measure.DELTA_USD],
        "gamma_usd_per_pct": desk[:, Measure.GAMMA_USD_PER_PCT],
        "vega_usd_per_point": desk[:, Measure.VEGA_USD_PER_POINT],
    }


def known(value: float) -> Number:
    """The number; None where it is none."""
    return float(value) if np.isfinite(value) else None


def _figures(record: DayRecord, account: Account, pnl: Floats) -> dict[str, Number]:
    direction, convexity = _greek_pnl(record)
    over: Bools = np.asarray(_over(record).any(axis=1))
    used = record.utilisation
    trades = record.trades
    quoted, hedged = trades.kind == TradeKind.QUOTE, trades.kind == TradeKind.HEDGE
    offset = trades.kind == TradeKind.OFFSET
    moved = trades.side * trades.quantity * record.unit_usd[trades.row] * (trades.fair_later - trades.fair)
    contracts = int(trades.quantity[quoted].sum())
    gross = np.abs(record.position[-1][record.table.is_option]).sum()
    of_account = {name: getattr(account, name) for name in Account.__dataclass_fields__}
    values = of_account | {
        "hedge_cost_usd": -(
            account.hedge_slippage_usd + account.offset_slippage_usd + account.fees_hedges_usd
        ),
        "informed_adverse_usd": float(moved[quoted & trades.informed].sum()),
        "direction_usd": direction,
        "convexity_usd": convexity,
        "basis_usd": _total(record.basis_usd),
        "basis_square_usd2": _total(record.basis_usd**2),
        "basis_variance_usd2": _total(record.basis_usd2),
        "drawdown_usd": float((np.maximum.accumulate(pnl) - pnl).max()),
        "over_share": _share(over, record),
        "worst_utilisation": float(used.max()) if used.size else np.nan,
        "capital_mean_usd": _mean(record.capital_usd, record),
        "capital_most_usd": float(record.capital_usd.max()),
        "duty_met": record.duty_met,
        "quoted_contracts": contracts,
        "quoted_trades": int(quoted.sum()),
        "informed_share": trades.quantity[quoted & trades.informed].sum() / contracts
        if contracts
        else np.nan,
        "hedge_trades": int(hedged.sum()),
        "offset_contracts": int(trades.quantity[offset].sum()),
        "gross_end": float(gross),
    }
    return {name: known(float(value)) for name, value in values.items()}


def _greek_pnl(record: DayRecord) -> tuple[float, float]:
    """P&L of direction and of convexity, USD, by the Greeks that were measured.

    Delta at a sample holds until the next, and what is traded meanwhile in shares and futures counts from its trade on; of options
    traded meanwhile the next sample tells. Source: domain reference 4.16, first and second term.
    """
    moves = record.spot[1:] / record.spot[:-1] - 1.0
    delta = np.array(record.measures[:-1, :, Measure.DELTA_USD])
    gamma = record.measures[:-1, :, Measure.GAMMA_USD_PER_PCT]
    trades, table = record.trades, record.table
    linear = ~table.is_option[trades.row]
    row, at = trades.row[linear], trades.at_ns[linear]
    traded = (
        (trades.side * trades.quantity)[linear] * record.unit_usd[row] * trades.fair[linear] * table.beta[row]
    )
    step = np.clip(np.searchsorted(record.at_ns, at, side="right") - 1, 0, len(moves) - 1)
    left = (record.at_ns[step + 1] - at) / np.maximum(record.at_ns[step + 1] - record.at_ns[step], 1)
    np.add.at(delta, (step, table.underlying_of[row]), traded * np.clip(left, 0.0, 1.0))
    return float((delta * moves).sum()), float((0.5 * gamma * 100.0 * moves**2).sum())


def _total(column: Floats) -> float:
    """The sum; NaN of nothing."""
    return float(column.sum()) if column.size else np.nan


def _path(line: Floats, record: DayRecord) -> Path:
    fine, seconds = np.isfinite(line), np.diff(record.at_ns) / _NS
    held = np.where(fine[:-1], seconds, 0.0)
    value = np.where(fine, line, 0.0)[:-1]
    whole = held.sum()
    even = line[_evenly(record)]
    both = np.isfinite(even[:-1]) & np.isfinite(even[1:])
    x, y = even[:-1][both], even[1:][both]
    return Path(
        mean=float(held @ value / whole) if whole else None,
        mean_square=float(held @ value**2 / whole) if whole else None,
        end=known(line[-1]),
        pairs=int(both.sum()),
        sum_x=float(x.sum()),
        sum_y=float(y.sum()),
        sum_xx=float(x @ x),
        sum_xy=float(x @ y),
    )


def _evenly(record: DayRecord) -> Ints:
    """int64[m]: the sample that holds at each of evenly spaced instants."""
    open_ns, step_ns = int(record.at_ns[0]), round(PATH_STEP_S * _NS)
    instants = np.arange(open_ns, int(record.at_ns[-1]) + 1, step_ns)
    return np.asarray(np.searchsorted(record.at_ns, instants, side="right") - 1, dtype=np.int64)


def _over(record: DayRecord) -> Bools:
    """bool[k, n_limits]: at or beyond hard; what could not be computed counts."""
    return np.asarray(~(record.utilisation < _FULL))


def _limits(record: DayRecord) -> tuple[BoundTold, ...]:
    over = _over(record)
    return tuple(
        BoundTold(
            name=one.name,
            measure=one.measure,
            underlying=one.underlying,
            whole=one.whole,
            hard=one.hard,
            most=known(float(record.utilisation[:, at].max())),
            over_share=_share(over[:, at], record),
        )
        for at, one in enumerate(record.limits)
    )


def _share(holds: Bools, record: DayRecord) -> float:
    """Of the time: a sample holds until the next."""
    return float(_mean(holds.astype(np.float64), record))


def _mean(line: Floats, record: DayRecord) -> float:
    """Over time; NaN where a sample is not known."""
    seconds = np.diff(record.at_ns)
    assert (seconds >= 0).all(), (
        f"{record.scenario}, {record.policy}, seed {record.seed}: samples in order of time"
    )
    return float(seconds @ line[:-1] / seconds.sum())
