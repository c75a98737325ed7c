"""All limits against a large book, and a batch of quotes against all limits: `python -m benchmarks.limits`."""

import platform
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import numpy as np
from tests.worlds import desk, option, view_by_hand

from flatbook.exposure.aggregate import aggregate
from flatbook.exposure.slides import gap, slide
from flatbook.limits.check import check
from flatbook.limits.measured import Measured, Supplied
from flatbook.limits.pretrade import check_batch, prepare_pretrade
from flatbook.margin.capital import requirement
from flatbook.model.instruments import Right
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.valuation.revalue import revalue
from flatbook.valuation.spot_vol import dynamics_of
from flatbook.valuation.values import value

UNDERLYINGS, EXPIRIES, STRIKES = 50, 5, 10
ORDERS = 1_000
_ROUNDS = 30


def book() -> Measured:
    """5,000 European series of 50 underlyings, 1,500 of them held."""
    random = np.random.default_rng(5)
    listed = [
        option(
            f"U{u:02d}E{e}K{k}{right.name[0]}", 80.0 + 4.0 * k, 5 + 30 * e, right, underlying=f"U{u:02d}", option_class=f"U{u:02d}"
        )
        for u in range(UNDERLYINGS)
        for e in range(EXPIRIES)
        for k in range(STRIKES)
        for right in Right
    ]  # fmt: skip
    market = view_by_hand(listed, spot=100.0, vols=random.uniform(0.15, 0.4, len(listed)).tolist())
    the_desk = desk()
    values = value(market, dynamics_of(the_desk, market.table.underlyings))
    quantity = np.where(random.random(len(listed)) < 0.3, random.integers(-50, 51, len(listed)), 0)
    slides = slide(quantity, values, market)
    return Measured(
        exposure=aggregate(quantity, values, market, the_desk),
        gaps=gap(slides),
        capital=requirement(quantity, values, market, the_desk),
        values=values,
        market=market,
        desk=the_desk,
        supplied=Supplied(slides=slides, var_usd={"": 1e6}),
    )


def limits() -> tuple[Limit, ...]:
    """116 limits: of the desk, of each underlying, of buckets and classes."""
    m = LimitMeasure
    of_desk = (
        m.DELTA_USD, m.GAMMA_USD_PER_PCT, m.VEGA_USD_PER_POINT, m.VEGA_WEIGHTED_USD_PER_POINT, m.THETA_USD_PER_DAY,
        m.SERIES_CONTRACTS, m.GROSS_CONTRACTS, m.SAME_SIDE_CONTRACTS, m.CONCENTRATION_PCT, m.GAP_LOSS_USD,
        m.SLIDE_LOSS_USD, m.CAPITAL_USD, m.VAR_USD,
    )  # fmt: skip
    buckets = tuple(
        Limit(measure=m.VEGA_USD_PER_POINT, bucket=name, limit_hard=1e9) for name in ("1w", "2m", "3m")
    )
    each = tuple(
        Limit(measure=measure, underlying=f"U{u:02d}", limit_hard=1e9, cool_down_s=30.0)
        for u in range(UNDERLYINGS)
        for measure in ((m.DELTA_USD, m.GAP_LOSS_USD) if u % 2 else (m.VEGA_USD_PER_POINT, m.SAME_SIDE_CONTRACTS))
    )  # fmt: skip
    return (*(Limit(measure=measure, limit_hard=1e9) for measure in of_desk), *buckets, *each)


def timings() -> list[str]:
    """Medians and least of `_ROUNDS`, in milliseconds."""
    measured, all_limits = book(), limits()
    plain = tuple(
        limit
        for limit in all_limits
        if limit.measure
        not in (LimitMeasure.GAP_LOSS_USD, LimitMeasure.SLIDE_LOSS_USD, LimitMeasure.CAPITAL_USD)
    )
    standing = check(measured, all_limits, {})
    slides = measured.supplied.slides
    assert slides is not None, "the book of the benchmark has slides"
    rows = np.arange(measured.exposure.quantity.size)
    cells = revalue(measured.market, measured.values, rows, slides.moves, slides.shifts_points)
    ready = replace(measured, supplied=replace(measured.supplied, contract_pnl=cells))
    pretrade = prepare_pretrade(standing, ready)
    random = np.random.default_rng(7)
    row = random.integers(0, rows.size, ORDERS)
    side, size = random.choice(np.array([1, -1]), ORDERS), random.integers(1, 21, ORDERS)
    what: tuple[tuple[str, Callable[[], object]], ...] = (
        (f"{len(all_limits)} limits, {rows.size:,d} rows", lambda: check(ready, all_limits, standing.memory)),
        ("the same, losses of one contract revalued", lambda: check(measured, all_limits, standing.memory)),
        (f"{len(plain)} of them without losses by scenario", lambda: check(measured, plain, standing.memory)),
        ("prepare the pre-trade check, cells at hand", lambda: prepare_pretrade(standing, ready)),
        ("prepare the pre-trade check, cells revalued", lambda: prepare_pretrade(standing, measured)),
        (f"check {ORDERS:,d} orders against all limits", lambda: check_batch(pretrade, row, side, size)),
    )  # fmt: skip
    return [
        f"{name:48} {1e3 * median:9.3f} ms, at least {1e3 * least:7.3f} ms"
        for name, (median, least) in ((name, _seconds(work)) for name, work in what)
    ]


def _seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Median and least."""
    work()
    taken = []
    for _ in range(_ROUNDS):
        start = perf_counter()
        work()
        taken.append(perf_counter() - start)
    return float(np.median(taken)), min(taken)


if __name__ == "__main__":
    print(platform.processor() or platform.machine(), platform.python_version())
    print("\n".join(timings()))
