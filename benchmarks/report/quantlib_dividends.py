"""QuantLib's American options with cash dividends that fall from spot: one finite-difference grid a price."""

import QuantLib as ql  # noqa: N813 - as its users call it

from benchmarks.report.quantlib_american import VOL_FLOOR

GRID = (100, 200)  # steps, nodes: the smallest that is within 1e-3 in 99 cases of 100


class CashDividends:
    """Options from columns spot, strike, days, vol, rate, sign, and the dividends (days, amount) all of them meet."""

    def __init__(self, columns, paid, grid: tuple[int, int] = GRID) -> None:
        today, counter = ql.Date(2, 1, 2023), ql.Actual365Fixed()
        ql.Settings.instance().evaluationDate = today
        self._rows = []
        for s, k, days, v, r, sign in zip(*(column.tolist() for column in columns), strict=True):
            quotes = ql.SimpleQuote(s), ql.SimpleQuote(v)
            spot, vol = (ql.QuoteHandle(quote) for quote in quotes)
            curves = [ql.YieldTermStructureHandle(ql.FlatForward(today, x, counter)) for x in (0.0, r)]
            level = ql.BlackConstantVol(today, ql.NullCalendar(), vol, counter)
            process = ql.BlackScholesMertonProcess(spot, *curves, ql.BlackVolTermStructureHandle(level))
            met = [(day, amount) for day, amount in paid if day < days]
            dividends = ql.DividendVector([today + day for day, _ in met], [amount for _, amount in met])
            payoff = ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, k)
            one = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + int(days)))
            model, scheme = ql.FdBlackScholesVanillaEngine.Spot, ql.FdmSchemeDesc.Douglas()
            one.setPricingEngine(
                ql.FdBlackScholesVanillaEngine(process, dividends, *grid, 0, scheme, False, -1.0, model)
            )
            self._rows.append((one, quotes, s, v))

    def greeks(self) -> list[tuple[float, float, float]]:
        """Price, delta and gamma of each."""
        out = []
        for one, *_ in self._rows:
            one.recalculate()
            out.append((one.NPV(), one.delta(), one.gamma()))
        return out

    def cells(self, moves, shifts) -> list[float]:
        """Price of each option at a move and a shift of its own."""
        out = []
        for (one, (spot, vol), s, v), move, shift in zip(self._rows, moves, shifts, strict=True):
            spot.setValue(s * (1.0 + move))
            vol.setValue(max(v + shift, VOL_FLOOR))
            one.recalculate()
            out.append(one.NPV())
        return out
