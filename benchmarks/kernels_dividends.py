"""Options with cash dividends in the spot model: our grids against QuantLib's, and the slide of a chain.

QuantLib's grid of 100 x 200 is the smallest that meets the accuracy asked (1e-3 of the price in 99 cases of 100). Its
slide is what a loop costs: one grid for each cell, its spots not shared, timed on a share of the cells.
"""

from collections.abc import Iterator

import numpy as np
import QuantLib as ql  # noqa: N813 - as its users call it

from flatbook.kernels.dividend_grid import ACCURATE, FAST, price_cash_dividends
from flatbook.kernels.dividend_slides import (
    evaluate_profiles,
    profile_cash_dividends,
    reprice_cash_dividends,
    vol_nodes,
)

N = 320
SERIES = 64
PEERS = 20
MOVES, SHIFTS = np.linspace(-0.2, 0.2, 21), np.linspace(-0.08, 0.16, 9)
REACH = -np.log(1.0 + MOVES[0])


def _quantlib_options(columns, paid, schedule):
    today = ql.Date(2, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    counter, out = ql.Actual365Fixed(), []
    for row, (first, stop) in zip(zip(*columns, strict=True), schedule, strict=True):
        spot, strike, years, vol, rate, carry, sign, _ = (float(entry) for entry in row)
        curves = [
            ql.YieldTermStructureHandle(ql.FlatForward(today, value, counter)) for value in (carry, rate)
        ]
        surface = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), vol, counter))
        process = ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(spot)), *curves, surface)
        dates = [today + round(time * 365) for time in paid[0][first:stop] if time < years]
        dividends = ql.DividendVector(dates, paid[1][first : first + len(dates)].tolist())
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, strike)
        one = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + round(years * 365)))
        scheme, model = ql.FdmSchemeDesc.Douglas(), ql.FdBlackScholesVanillaEngine.Spot
        one.setPricingEngine(
            ql.FdBlackScholesVanillaEngine(process, dividends, 100, 200, 0, scheme, False, -1.0, model)
        )
        out.append(one)
    return out


def _chain(random, n):
    """American options of a few expiries; up to four dividends within two years."""
    years = random.choice([30, 90, 180, 365, 700], n) / 365.0
    strike, vol = random.uniform(75.0, 125.0, n), random.uniform(0.15, 0.6, n)
    sign = np.where(random.random(n) < 0.5, 1.0, -1.0)
    rest = np.full(n, 0.04), np.zeros(n), sign, np.ones(n)
    paid = np.array([20, 110, 201, 390]) / 365.0, np.array([0.7, 0.7, 0.8, 1.5])
    return (np.full(n, 100.0), strike, years, vol, *rest), paid, np.tile([0, 4], (n, 1))


def _greeks(options):
    for one in options:
        one.recalculate()
        one.NPV(), one.delta(), one.gamma()


def comparisons() -> Iterator[tuple]:
    """(workload, peer, ours, peer, scale)."""
    random = np.random.default_rng(5)
    columns, paid, schedule = _chain(random, N)
    few = _quantlib_options([column[:PEERS] for column in columns], paid, schedule[:PEERS])
    best = price_cash_dividends(*columns, *paid, schedule, *ACCURATE)[:, 0]
    ours = price_cash_dividends(*columns, *paid, schedule, *FAST)[:, 0]
    theirs = np.array([one.NPV() for one in few])
    assert np.quantile(np.abs(ours - best) / np.maximum(best, 1.0), 0.99) < 1e-3
    assert np.quantile(np.abs(theirs - best[:PEERS]) / np.maximum(best[:PEERS], 1.0), 0.99) < 1e-3
    yield (
        f"price, delta, gamma, theta, {N} cash dividends",
        "QuantLib FD 100 x 200",
        lambda: price_cash_dividends(*columns, *paid, schedule, *FAST),
        lambda: _greeks(few),
        N / PEERS,
    )
    yield from _slides(random, few)


def _slides(random, few) -> Iterator[tuple]:
    columns, paid, schedule = _chain(random, SERIES)
    spot, strike, years, vol, *rest = columns
    wanted = np.maximum(vol[:, None] + SHIFTS, 0.001)
    vols, spots = vol_nodes(wanted.min(axis=1), wanted.max(axis=1), 8), spot[:, None] * (1.0 + MOVES)
    terms = (*rest, *paid, schedule, *FAST)
    best = reprice_cash_dividends(spot, strike, years, vol, *rest, *paid, schedule, 401, 160, MOVES, SHIFTS)

    def direct():
        return reprice_cash_dividends(spot, strike, years, vol, *terms, MOVES, SHIFTS)

    def cold():
        return evaluate_profiles(
            profile_cash_dividends(spot, strike, years, vols, *terms, REACH), vols, spots, wanted
        )

    profiles = profile_cash_dividends(spot, strike, years, vols, *terms, REACH)

    def warm():
        return evaluate_profiles(profiles, vols, spots, wanted)

    for name, ours in (
        ("solved at each vol", direct),
        ("8 profiles, cold", cold),
        ("8 profiles, warm", warm),
    ):
        worst = (np.abs(ours() - best) / np.maximum(best, 1.0)).max()
        assert worst < 1e-3, worst
        yield (
            f"slide 21 x 9 of {SERIES} cash dividends, {name}",
            "QuantLib FD 100 x 200 a cell",
            ours,
            lambda: _greeks(few),
            best.size / PEERS,
        )
