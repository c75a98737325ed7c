"""QuantLib's European options as its users write them, one at a time: formulas in a loop, or objects and a moved quote."""

import numpy as np
import QuantLib as ql  # noqa: N813 - as its users call it

from benchmarks.report.quantlib_american import VOL_FLOOR


def _kind(sign: float) -> int:
    return ql.Option.Call if sign > 0.0 else ql.Option.Put


def implied_vols(columns: list[list[float]]) -> np.ndarray:
    """Deviation of each price; columns price, forward, strike, discount, sign."""
    return np.array(
        [
            ql.blackFormulaImpliedStdDev(_kind(s), k, f, p, d, 0.0, ql.nullDouble(), 1e-12)
            for p, f, k, d, s in zip(*columns, strict=True)
        ]
    )


def slide(columns: list[list[float]], moves: list[float], shifts: list[float]) -> np.ndarray:
    """Price on a grid by the formula, the quickest call it has; columns forward, strike, root of years, vol, discount, sign."""
    out = np.empty((len(columns[0]), len(moves), len(shifts)))
    for i, (f, k, root, v, d, s) in enumerate(zip(*columns, strict=True)):
        kind = _kind(s)
        for j, move in enumerate(moves):
            for m, shift in enumerate(shifts):
                out[i, j, m] = ql.blackFormula(kind, k, f * (1.0 + move), max(v + shift, VOL_FLOOR) * root, d)
    return out


class Europeans:
    """A class of options whose spot ticks: objects made once, one quote moved; faster than BlackCalculator anew."""

    def __init__(self, spot: float, strike, days, vol, rate: float, carry: float, sign) -> None:
        today, counter = ql.Date(2, 1, 2023), ql.Actual365Fixed()
        ql.Settings.instance().evaluationDate = today
        self._spot = ql.SimpleQuote(spot)
        handle = ql.QuoteHandle(self._spot)
        curves = [ql.YieldTermStructureHandle(ql.FlatForward(today, x, counter)) for x in (carry, rate)]
        self._rows = []
        for k, d, v, s in zip(strike.tolist(), days.tolist(), vol.tolist(), sign.tolist(), strict=True):
            level = ql.BlackConstantVol(today, ql.NullCalendar(), v, counter)
            process = ql.BlackScholesMertonProcess(handle, *curves, ql.BlackVolTermStructureHandle(level))
            exercise = ql.EuropeanExercise(today + d)
            one = ql.VanillaOption(ql.PlainVanillaPayoff(_kind(s), k), exercise)
            one.setPricingEngine(ql.AnalyticEuropeanEngine(process))
            self._rows.append(one)

    def values(self, spot: float) -> np.ndarray:
        """Price, delta, gamma, vega and theta of each: [5, n]."""
        self._spot.setValue(spot)
        return np.array([(o.NPV(), o.delta(), o.gamma(), o.vega(), o.theta()) for o in self._rows]).T
