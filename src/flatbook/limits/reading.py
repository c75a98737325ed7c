"""A limit's value before it is held against the limit, and how it adds across currencies.

Amounts of underlyings whose options settle in different currencies are never offset against each other: a surplus in coin
pays no loss in dollars. Their magnitudes add.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.table import Floats, InstrumentTable, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Counts that grow where contracts are opened, by whichever side opens them, as gross contracts."""

    level: Floats  # [k]
    bought: Ints  # [n_rows] the level that a contract bought opens; -1 for none
    sold: Ints  # [n_rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a limit reads.

    Where `signed`, the limit bounds |value| and both directions can breach; otherwise the value is a loss or a share that
    only grows upward.
    """

    value: float
    per_contract: Floats  # [n_rows] change of the value for one contract bought; NaN where nobody knows
    signed: bool
    linear: bool = True  # more contracts change it in proportion, so that headroom is a number of contracts
    unvalued: float = 0.0  # worst case of held series without a value, added to the magnitude
    both_sides: bool = False  # no trade changes it: it strains whatever we would do in its scope
    blind: bool = False  # held series without a value are in it, in a direction nobody knows
    where: str = ""
    reason: str = ""  # why there is no value
    by_row: Floats | None = None  # [n_rows] signed, where each row has a value of its own
    parts: Floats | None = None  # [n_currencies] signed nets, where there are several
    part_of: Ints | None = None  # [n_rows] which of them a row belongs to
    levels: Levels | None = None


def nothing(n_rows: int) -> Reading:
    """What a limit reads whose scope the market does not list."""
    return Reading(value=0.0, per_contract=np.zeros(n_rows), signed=False)


def unknown(n_rows: int, reason: str) -> Reading:
    """What a limit reads that cannot be measured: a breach."""
    return Reading(
        value=float("nan"), per_contract=np.zeros(n_rows), signed=False, linear=False, reason=reason
    )


def sums(of: Ints, amounts: Floats, n: int) -> Floats:
    """Sums of amounts by number, float64[n]."""
    return np.bincount(of, weights=amounts, minlength=n).astype(np.float64)


def currency_of(table: InstrumentTable, underlyings: Ints) -> Ints:
    """Which settlement currency each underlying has, int64[k], numbered from 0."""
    number: dict[str, int] = {}
    return np.array(
        [number.setdefault(table.currencies[u], len(number)) for u in underlyings], dtype=np.int64
    )


def signed_reading(
    table: InstrumentTable,
    underlyings: Ints,
    by_underlying: Floats,
    per_contract: Floats,
    *,
    unvalued: float = 0.0,
    where: str = "",
) -> Reading:
    """A signed sum over underlyings; across currencies the magnitudes add, under the sign of the largest.

    Parameters
    ----------
    table : InstrumentTable
    underlyings : int64[k]
    by_underlying : float64[k]
    per_contract : float64[n_rows]
    unvalued : float
        Worst case of series without a value.
    where : str
        What decides.
    """
    currency = currency_of(table, underlyings)
    several = currency.size > 0 and int(currency.max()) > 0
    parts = sums(currency, by_underlying, int(currency.max()) + 1) if several else None
    if parts is None:
        value = float(by_underlying.sum())
    else:
        largest = float(parts[int(np.argmax(np.abs(parts)))])
        value = float(np.copysign(np.abs(parts).sum(), largest))
    return Reading(
        value=value,
        per_contract=per_contract,
        signed=True,
        unvalued=unvalued,
        blind=bool(unvalued != 0.0),
        where=where,
        parts=parts,
        part_of=_part_of_row(table, underlyings, currency) if several else None,
    )


def loss_reading(
    table: InstrumentTable,
    underlyings: Ints,
    pnl: Floats,
) -> tuple[float, int, Floats]:
    """The worst loss of a set of scenarios; gains in one currency pay no loss in another.

    Parameters
    ----------
    table : InstrumentTable
    underlyings : int64[k]
    pnl : float64[k, cells]
        By underlying.

    Returns
    -------
    loss : float
        0 where no scenario loses, NaN where one is unknown.
    cell : int
        The worst, or the first unknown one.
    counts : float64[k]
        1 where a contract of the underlying changes the loss at that scenario, 0 where its currency gains there.
    """
    currency = currency_of(table, underlyings)
    if currency.size == 0 or int(currency.max()) == 0:
        net = pnl.sum(axis=0)
        cell = int(np.argmin(net))
        return float(np.maximum(-net, 0.0).max()), cell, np.ones(underlyings.size)
    net = np.zeros((int(currency.max()) + 1, pnl.shape[1]))
    np.add.at(net, currency, pnl)
    loss = np.maximum(-net, 0.0).sum(axis=0)
    cell = int(np.argmax(loss))
    return float(loss.max()), cell, (net[currency, cell] <= 0.0).astype(np.float64)


def _part_of_row(table: InstrumentTable, underlyings: Ints, currency: Ints) -> Ints:
    part = np.zeros(len(table.underlyings), dtype=np.int64)
    part[underlyings] = currency
    return np.asarray(part[table.underlying_of])
