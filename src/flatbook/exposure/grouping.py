"""The book cut along any axis: by series, class, underlying, expiry, moneyness, strategy, account, or whole.

Every holding is in exactly one group of an axis, so any grouping sums to the whole. What has no place on an axis has a
group of its own: `linear` for shares and futures, `unknown` for an option whose moneyness nobody can tell. A series
without a value is in no total: its contracts stand beside them, and `bounds` is the worst case that limits add (decision
005).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from flatbook.book.view import Holdings
from flatbook.exposure.aggregate import bound_of_row, buckets_of
from flatbook.kernels.grouped_sums import add_by_group
from flatbook.market.view import MarketView
from flatbook.model.measures import BUCKET_NAMES, LINEAR_BUCKET, N_MEASURES
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.valuation.values import Values

UNKNOWN = "unknown"
DELTA_NAMES = ("P5", "P10", "P25", "ATM", "C25", "C10", "C5")
DELTA_EDGES = (0.075, 0.175, 0.375)  # of the out-of-the-money delta, half way between the names
DEVIATION_EDGES = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
DEVIATION_NAMES = (
    "below -3",
    *(f"{low:g} to {high:g}" for low, high in pairwise(DEVIATION_EDGES)),
    "3 and above",
)
_QUANTILES = [NormalDist().inv_cdf(share) for share in DELTA_EDGES]
_D1_EDGES = np.array([*_QUANTILES, *(-quantile for quantile in reversed(_QUANTILES))])


class Axis(StrEnum):
    """What the book can be cut along."""

    SERIES = "series"
    CLASS = "class"
    UNDERLYING = "underlying"
    BUCKET = "bucket"  # of time to expiry, as in the table of measures
    EXPIRY = "expiry"  # instant
    DELTA = "delta"  # moneyness by the out-of-the-money delta of the strike
    DEVIATIONS = "deviations"  # moneyness in standard deviations to expiry
    STRATEGY = "strategy"
    ACCOUNT = "account"
    DESK = "desk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """Which group of an axis each holding is in."""

    axis: Axis
    labels: tuple[str, ...]  # of each group
    of: Ints  # int64[h]: into `labels`


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums by group, and what they leave out."""

    known: Floats  # float64[groups, ...] of everything that has a value
    unvalued: (
        Floats  # float64[groups]: contracts, long plus short, of series without a value; 0 where all have one
    )


def grouping(axis: Axis, holdings: Holdings, market: MarketView) -> Grouping:
    """Put each holding in its group.

    Parameters
    ----------
    axis : Axis
    holdings : Holdings
    market : MarketView
        For the instruments, and for moneyness.

    Returns
    -------
    Grouping
        Series and expiries only where held, all else with empty groups too, in the order of the table of instruments,
        of time, or of strikes.
    """
    labels, of = _RULES[axis](holdings, market)
    return Grouping(axis=axis, labels=labels, of=of)


def total(groups: Grouping, holdings: Holdings, per_row: Floats) -> Totals:
    """Sum position times `per_row` by group.

    Parameters
    ----------
    groups : Grouping
        Of `holdings`.
    holdings : Holdings
    per_row : float64[n_rows, ...]
        Of one contract of each row of the table: measures, slide cells, factor exposures.

    Returns
    -------
    Totals
        Trailing axes as in `per_row`. A row with a number that is not finite is left out as a whole.
    """
    return _total(groups.of, len(groups.labels), holdings, per_row)


def total_crossed(first: Grouping, second: Grouping, holdings: Holdings, per_row: Floats) -> Totals:
    """Sum by two axes at once: as `total`, with both axes of groups in front."""
    n, m = len(first.labels), len(second.labels)
    flat = _total(first.of * m + second.of, n * m, holdings, per_row)
    return Totals(
        known=flat.known.reshape(n, m, *per_row.shape[1:]),
        unvalued=flat.unvalued.reshape(n, m),
    )


def bounds(groups: Grouping, holdings: Holdings, values: Values, market: MarketView) -> Floats:
    """The most that unvalued series can add to the magnitude of each total, float64[groups, N_MEASURES].

    Each group's net position in a series counts at the worst case of `exposure.aggregate`; 0 where all have a value, NaN
    where even the underlying has no price. Limits read |total| plus this.
    """
    out = np.zeros((len(groups.labels), N_MEASURES))
    net = _net(groups.of, holdings)
    for group, row, quantity in zip(net.group.tolist(), net.row.tolist(), net.quantity.tolist(), strict=True):
        if row in values.reasons:
            out[group] += bound_of_row(int(quantity), values, market, row)
    return out


def by_position(holdings: Holdings, n_rows: int) -> Ints:
    """Net contracts of each row of the table, int64[n_rows]."""
    out = np.zeros(n_rows, dtype=np.int64)
    np.add.at(out, holdings.row, holdings.quantity)
    return out


def _total(of: Ints, n_groups: int, holdings: Holdings, per_row: Floats) -> Totals:
    rest = per_row.shape[1:]
    flat = np.ascontiguousarray(per_row.reshape(per_row.shape[0], -1))
    net = _net(of, holdings)
    known, unvalued = np.zeros((n_groups, flat.shape[1])), np.zeros(n_groups)
    add_by_group(net.group, net.row, net.quantity, flat, known, unvalued)
    return Totals(known=known.reshape(n_groups, *rest), unvalued=unvalued)


class _Net(NamedTuple):
    """Net contracts of a group in a row, sorted by both; nothing that is closed."""

    group: Ints
    row: Ints
    quantity: Floats


def _net(of: Ints, holdings: Holdings) -> _Net:
    """Whole contracts are netted before anything is multiplied: order and splits change no bit, closed is 0."""
    n_rows = int(holdings.row.max(initial=0)) + 1
    keys, inverse = np.unique(of * n_rows + holdings.row, return_inverse=True)
    quantity = np.bincount(inverse, weights=holdings.quantity, minlength=keys.size)
    open_ = quantity != 0.0
    return _Net(group=keys[open_] // n_rows, row=keys[open_] % n_rows, quantity=quantity[open_])


def _series(holdings: Holdings, market: MarketView) -> tuple[tuple[str, ...], Ints]:
    rows, of = np.unique(holdings.row, return_inverse=True)
    return tuple(market.table.instruments[row].symbol for row in rows.tolist()), of.astype(np.int64)


def _class(holdings: Holdings, market: MarketView) -> tuple[tuple[str, ...], Ints]:
    of = market.table.class_of[holdings.row]
    n = len(market.table.classes)
    return (*market.table.classes, LINEAR_BUCKET), np.where(of < 0, n, of)


def _underlying(holdings: Holdings, market: MarketView) -> tuple[tuple[str, ...], Ints]:
    return market.table.underlyings, market.table.underlying_of[holdings.row]


def _bucket(holdings: Holdings, market: MarketView) -> tuple[tuple[str, ...], Ints]:
    return BUCKET_NAMES, buckets_of(market.years[holdings.row])


def _expiry(holdings: Holdings, market: MarketView) -> tuple[tuple[str, ...], Ints]:
    rows = holdings.row
    option = market.table.is_option[rows]
    instants, of = np.unique(market.table.expiry_ns[rows[option]], return_inverse=True)
    out = np.full(rows.size, instants.size, dtype=np.int64)
    out[option] = of
    return (*(_instant(ns) for ns in instants.tolist()), LINEAR_BUCKET), out


def _instant(ns: int) -> str:
    seconds, rest = divmod(ns, 1_000_000_000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09d}Z" if rest else f"{text}Z"


def _delta(holdings: Holdings, market: MarketView) -> tuple[tuple[str, ...], Ints]:
    rows = holdings.row
    deviation = market.vol[rows] * np.sqrt(market.variance_years[rows])
    with np.errstate(divide="ignore", invalid="ignore"):
        d1 = _log_moneyness(market, rows) / -deviation + 0.5 * deviation
    at = np.searchsorted(
        _D1_EDGES, -d1, side="left"
    )  # low strikes, where a call has a high delta, come first
    return _with_others(DELTA_NAMES, at, d1, market.table, rows)


def _deviations(holdings: Holdings, market: MarketView) -> tuple[tuple[str, ...], Ints]:
    rows = holdings.row
    level = np.append(market.slice_atm_vol, np.nan)[market.table.slice_of[rows]]
    with np.errstate(divide="ignore", invalid="ignore"):
        far = _log_moneyness(market, rows) / (level * np.sqrt(market.variance_years[rows]))
    at = np.searchsorted(np.array(DEVIATION_EDGES), far, side="right")
    return _with_others(DEVIATION_NAMES, at, far, market.table, rows)


def _log_moneyness(market: MarketView, rows: Ints) -> Floats:
    return np.asarray(np.log(market.table.strike[rows] / market.forward[rows]))


def _with_others(
    names: tuple[str, ...], at: Ints, told: Floats, table: InstrumentTable, rows: Ints
) -> tuple[tuple[str, ...], Ints]:
    """Groups of moneyness, and after them what is no option and what cannot be told."""
    of = np.where(np.isfinite(told), at, len(names) + 1)
    return (*names, LINEAR_BUCKET, UNKNOWN), np.where(table.is_option[rows], of, len(names))


def _strategy(holdings: Holdings, _market: MarketView) -> tuple[tuple[str, ...], Ints]:
    return holdings.strategies, holdings.strategy


def _account(holdings: Holdings, _market: MarketView) -> tuple[tuple[str, ...], Ints]:
    return holdings.accounts, holdings.account


def _desk(holdings: Holdings, _market: MarketView) -> tuple[tuple[str, ...], Ints]:
    return ("desk",), np.zeros(holdings.row.size, dtype=np.int64)


_RULES: dict[Axis, Callable[[Holdings, MarketView], tuple[tuple[str, ...], Ints]]] = {
    Axis.SERIES: _series,
    Axis.CLASS: _class,
    Axis.UNDERLYING: _underlying,
    Axis.BUCKET: _bucket,
    Axis.EXPIRY: _expiry,
    Axis.DELTA: _delta,
    Axis.DEVIATIONS: _deviations,
    Axis.STRATEGY: _strategy,
    Axis.ACCOUNT: _account,
    Axis.DESK: _desk,
}
