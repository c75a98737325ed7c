"""American options on a continuous yield: our tree against QuantLib's fastest engine."""

from collections.abc import Iterator

import numpy as np
import QuantLib as ql  # noqa: N813 - as its users call it

from flatbook.kernels.tree import price_american, value_american

N = 400
_NONE = np.empty(0)


def _quantlib_options(strike, days, vol, sign, rate, carry):
    today = ql.Date(2, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    counter = ql.Actual365Fixed()
    spot = ql.QuoteHandle(ql.SimpleQuote(100.0))
    curves = [ql.YieldTermStructureHandle(ql.FlatForward(today, value, counter)) for value in (carry, rate)]
    out = []
    for k, d, v, s in zip(strike, days, vol, sign, strict=True):
        surface = ql.BlackVolTermStructureHandle(
            ql.BlackConstantVol(today, ql.NullCalendar(), float(v), counter)
        )
        process = ql.BlackScholesMertonProcess(spot, *curves, surface)
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if s > 0 else ql.Option.Put, float(k))
        one = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + int(d)))
        one.setPricingEngine(ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.fastScheme()))
        out.append(one)
    return out


def comparisons() -> Iterator[tuple]:
    """(workload, peer, ours, peer, scale)."""
    random = np.random.default_rng(2)
    strike, days = random.uniform(75.0, 125.0, N), random.integers(10, 700, N)
    vol, sign = random.uniform(0.1, 0.6, N), np.where(random.random(N) < 0.5, 1.0, -1.0)
    rate, carry = 0.04, 0.02
    columns = np.full(N, 100.0), strike, days / 365.0, vol, np.full(N, rate), np.full(N, carry), sign
    options = _quantlib_options(strike, days, vol, sign, rate, carry)

    def peer():
        for one in options:
            one.recalculate()
            one.NPV()

    ours = price_american(*columns, 101, _NONE, _NONE)
    theirs = np.array([one.NPV() for one in options])
    assert np.abs(ours / np.maximum(theirs, 0.1) - theirs / np.maximum(theirs, 0.1)).max() < 2e-3
    yield (
        "price, 400 American, tree of 101",
        "QuantLib QdFp fast, price only",
        lambda: price_american(*columns, 101, _NONE, _NONE),
        peer,
        1.0,
    )
    yield (
        "value + 9 Greeks, 400 American, tree of 101",
        "QuantLib QdFp fast, price only",
        lambda: value_american(*columns, 101, _NONE, _NONE),
        peer,
        1.0,
    )
