"""QuantLib's American options as its users write them: objects made once, quotes moved, prices asked for in a loop.

QuantLib has no call for many options at once, and one thread.
"""

import math

import numpy as np
import QuantLib as ql  # noqa: N813 - as its users call it
from scipy.optimize import brentq

FAST = ql.QdFpAmericanEngine.fastScheme
PRECISE = ql.QdFpAmericanEngine.highPrecisionScheme
VOL_FLOOR = 0.001  # a shift takes a vol no lower, as in our slides
_VOL_RANGE = (0.005, 3.0)


class Americans:
    """Options on a continuous yield, from rows spot, strike, years, vol, rate, yield, sign."""

    def __init__(self, options: np.ndarray, scheme: object) -> None:
        today, counter = ql.Date(2, 1, 2023), ql.Actual365Fixed()
        ql.Settings.instance().evaluationDate = today
        self._quotes = [ql.SimpleQuote(1.0) for _ in range(4)]
        handles = [ql.QuoteHandle(quote) for quote in self._quotes]
        flat = [ql.YieldTermStructureHandle(ql.FlatForward(today, h, counter)) for h in handles[1:3]]
        level = ql.BlackConstantVol(today, ql.NullCalendar(), handles[3], counter)
        process = ql.BlackScholesMertonProcess(handles[0], *flat, ql.BlackVolTermStructureHandle(level))
        engine = ql.QdFpAmericanEngine(process, scheme)
        self._rows = []
        for s, k, t, v, r, q, sign in options.T.tolist():
            payoff = ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, k)
            one = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + 365))
            one.setPricingEngine(engine)
            self._rows.append((one, s, q * t, r * t, v, math.sqrt(t)))  # a year stands for any life

    def prices(self, moves: tuple[float, ...] = (0.0,), shifts: tuple[float, ...] = (0.0,)) -> np.ndarray:
        """Price of each row at each relative move of its spot and each shift of its vol: [n, moves, shifts]."""
        spot, carry, rate, vol = self._quotes
        out = np.empty((len(self._rows), len(moves), len(shifts)))
        for i, (one, s, q, r, v, root) in enumerate(self._rows):
            carry.setValue(q), rate.setValue(r)
            for k, shift in enumerate(shifts):
                vol.setValue(max(v + shift, VOL_FLOOR) * root)
                for j, move in enumerate(moves):
                    spot.setValue(s * (1.0 + move))
                    out[i, j, k] = one.NPV()
        return out

    def greeks(self, bump: float) -> np.ndarray:
        """Price, delta and gamma of each row from three prices, a relative `bump` of the spot apart: [3, n]."""
        here, down, up = self.prices((0.0, -bump, bump))[:, :, 0].T
        width = bump * np.array([row[1] for row in self._rows])
        return np.array([here, (up - down) / (2.0 * width), (up - 2.0 * here + down) / (width * width)])

    def implied(self, prices: np.ndarray) -> np.ndarray:
        """Vol of each row by Brent's method."""
        spot, carry, rate, vol = self._quotes
        out = []
        for (one, s, q, r, _, root), price in zip(self._rows, prices.tolist(), strict=True):
            spot.setValue(s), carry.setValue(q), rate.setValue(r)

            def gap(
                trial: float, one: ql.VanillaOption = one, price: float = price, root: float = root
            ) -> float:
                vol.setValue(trial * root)
                return one.NPV() - price

            out.append(brentq(gap, *_VOL_RANGE, xtol=1e-8))
        return np.array(out)
