"""Days that nobody simulated: a random walk, customers who buy, and policies that hedge or do not; every figure of it is known."""

import numpy as np

from flatbook.model.instruments import Right
from flatbook.model.measures import N_MEASURES, Measure
from flatbook.model.table import InstrumentTable
from flatbook.sim.chance import stream
from flatbook.sim.experiments.record import Bound, Breach, DayRecord, TradeKind, Trades, Watched
from tests.worlds import NOW_NS, option, share

STEP_NS = 300 * 1_000_000_000
SAMPLES = 40
TABLE = InstrumentTable(
    version=1,
    instruments=(
        share(),
        option("XYZ 95P", 95.0, 20.0, Right.PUT),
        option("XYZ 100C", 100.0, 20.0, Right.CALL),
        option("XYZ 110C", 110.0, 20.0, Right.CALL),
    ),
)
DELTA = np.array([1.0, -0.3, 0.5, 0.2])
VEGA = np.array([0.0, 0.10, 0.12, 0.08])
UNIT = np.array([1.0, 100.0, 100.0, 100.0])
WORTH = np.array([100.0, 2.0, 4.0, 1.5])
POLICIES = {"warehouse": 0.0, "delta": 1.0, "joint": 1.0}
BOUNDS = (
    Bound(name="desk delta_usd", measure="delta_usd", underlying="", whole=True, hard=60_000.0),
    Bound(name="XYZ vega_usd_per_point", measure="vega_usd_per_point", underlying="XYZ", whole=True, hard=600.0),
)  # fmt: skip


def columns_of(rows, names):
    """A list of tuples as columns."""
    return {name: np.array([row[at] for row in rows]) for at, name in enumerate(names)}


def trades_of(rows):
    """(at_ns, row, side, quantity, price, fee_usd, fair, fair_later, kind, maker, informed) as `Trades`."""
    whole, real, flags = ("at_ns", "row", "side", "quantity", "kind"), ("price", "fee_usd", "fair", "fair_later"), ("maker", "informed")  # fmt: skip
    order = ("at_ns", "row", "side", "quantity", "price", "fee_usd", "fair", "fair_later", "kind", "maker", "informed")  # fmt: skip
    raw = columns_of(rows, order) if rows else {name: np.empty(0) for name in order}
    kinds = dict.fromkeys(whole, np.int64) | dict.fromkeys(real, np.float64) | dict.fromkeys(flags, np.bool_)
    return Trades(**{name: raw[name].astype(kinds[name]) for name in order})


def run_day(policy, seed, *, scenario="fake"):
    """One day: customers buy options at the desk's ask; a hedging policy holds the delta down, the joint one buys options back too."""
    chance = stream(seed, "prices")
    at_ns = NOW_NS + STEP_NS * np.arange(SAMPLES)
    spot = 100.0 * np.exp(np.cumsum(np.concatenate([[0.0], 0.002 * chance.normals(SAMPLES - 1)])))
    points = np.cumsum(np.concatenate([[0.0], 0.1 * chance.normals(SAMPLES - 1)]))
    fair = WORTH + DELTA * (spot - 100.0)[:, None] + VEGA * points[:, None]
    fair[:, 0] = spot
    position = np.zeros((SAMPLES, 4), dtype=np.int64)
    rows, cash, now = [], 0.0, np.zeros(4, dtype=np.int64)
    customers = stream(seed, "customers")
    later = np.minimum(np.arange(SAMPLES) + 2, SAMPLES - 1)

    def trade(k, row, side, quantity, half_spread, fee, kind, maker, informed=False):
        nonlocal cash
        price = fair[k, row] - side * half_spread
        rows.append((at_ns[k] + STEP_NS // 2, row, side, quantity, price, fee, fair[k, row], fair[later[k], row], kind, maker, informed))  # fmt: skip
        cash -= side * quantity * price * UNIT[row] + fee
        now[row] += side * quantity

    for k in range(SAMPLES - 1):
        position[k] = now
        row, side = 1 + int(customers.share() * 3), -1 if customers.share() < 0.7 else 1
        informed = customers.share() < 0.2
        trade(
            k, row, side, 1 + int(customers.share() * 5), 0.03, 0.5, TradeKind.QUOTE, not informed, informed
        )
        if policy == "joint" and abs(now[1:].sum()) > 4:
            trade(k, 2, -int(np.sign(now[1:].sum())), 2, -0.02, 1.0, TradeKind.OFFSET, False)
        want = -round((now[1:] * DELTA[1:]).sum() * 100.0) - now[0]
        if POLICIES[policy] and abs(want) > 50:
            trade(k, 0, int(np.sign(want)), abs(want), -0.01, 0.2, TradeKind.HEDGE, False)
    position[-1] = now
    measures = np.zeros((SAMPLES, 1, N_MEASURES))
    measures[:, 0, Measure.DELTA_USD] = (position * DELTA * UNIT).sum(axis=1) * spot
    measures[:, 0, Measure.VEGA_USD_PER_POINT] = (position * VEGA * UNIT).sum(axis=1)
    measures[:, 0, Measure.GAMMA_USD_PER_PCT] = 5.0 * position[:, 1:].sum(axis=1) * spot
    used = np.abs(
        np.stack([measures[:, 0, Measure.DELTA_USD] / 60_000.0, measures[:, 0, Measure.VEGA_USD_PER_POINT] / 600.0], 1)
    )  # fmt: skip
    over = np.argwhere(used >= 1.0)
    return DayRecord(
        scenario=scenario, policy=policy, seed=seed, table=TABLE, at_ns=at_ns, spot=spot[:, None], fair=fair, position=position,
        measures=measures, limits=BOUNDS, utilisation=used, capital_usd=1e3 * np.abs(position[:, 1:]).sum(axis=1), cash_usd=cash,
        unit_usd=UNIT, trades=trades_of(rows),
        watched=Watched(row=2, at_ns=at_ns, bid=np.where(np.arange(SAMPLES) < 3, np.nan, np.round(fair[:, 2] - 0.03, 2)), ask=np.round(fair[:, 2] + 0.03, 2), fair=fair[:, 2]),
        duty_met=0.97 + 0.02 * customers.share(), residual_end_usd={"volatility": 900.0},
        residual_mean_usd={"basis": 0.0, "volatility": 800.0 + 10.0 * seed % 7, "execution": 50.0, "event": 0.0},
        counts={"facts": 4_000 + seed, "cycles": SAMPLES, "orders": 3 * len(rows), "rejects": 0, "late_fills": seed % 3},
        breaches=tuple(Breach(at_ns=int(at_ns[k]), limit=BOUNDS[n].name, utilisation=float(used[k, n]), cause="gap") for k, n in over[:1]),
    )  # fmt: skip
