"""Published American values and a variance strip, in the numbering of the domain reference: V21, V24, V25, V28.

V24 and V25 print approximations: our values are held to them within what the approximations themselves err by, and
QuantLib's own engines show that the prints are theirs.
"""

import math

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - as its users call it
from tests.kernels.columns import columns
from tests.kernels.test_andersen_lake import european, value

from flatbook.kernels import andersen_lake as al
from flatbook.kernels import exercise_boundary as eb
from flatbook.kernels.andersen_lake import REFERENCE
from flatbook.kernels.black import price_european
from flatbook.kernels.exercise_tile import DEPTHS, LANES, LOG_CAP

CALL, PUT = 1.0, -1.0

BARONE_ADESI_WHALEY = [  # V24: spot, strike, years, vol, rate, yield, sign, print, error of the approximation
    (90, 100, 0.1, 0.15, 0.10, 0.10, CALL, 0.0206, 3e-3),
    (100, 100, 0.1, 0.15, 0.10, 0.10, CALL, 1.8771, 3e-3),
    (110, 100, 0.1, 0.15, 0.10, 0.10, CALL, 10.0089, 1.5e-2),
    (90, 100, 0.5, 0.35, 0.10, 0.10, CALL, 5.0063, 4e-2),
    (100, 100, 0.5, 0.35, 0.10, 0.10, CALL, 9.5106, 5e-2),
    (110, 100, 0.5, 0.35, 0.10, 0.10, CALL, 15.5689, 3e-2),
    (90, 100, 0.5, 0.15, 0.10, 0.10, PUT, 10.5595, 3e-2),
    (100, 100, 0.5, 0.15, 0.10, 0.10, PUT, 4.0842, 3e-2),
    (110, 100, 0.5, 0.15, 0.10, 0.10, PUT, 1.0822, 3e-2),
]
BJERKSUND_STENSLAND = [
    (42, 40, 0.75, 0.35, 0.04, 0.08, CALL, 5.2704, 5e-2),
    (36, 40, 1.0, 0.20, 0.06, 0.0, PUT, 4.4531, 4e-2),
]
JU = [  # V25
    (40, 35, 0.5833, 0.2, 0.0488, 0.0, PUT, 0.433, 2e-3),
    (40, 40, 0.0833, 0.2, 0.0488, 0.0, PUT, 0.851, 2e-3),
    (40, 40, 0.3333, 0.2, 0.0488, 0.0, PUT, 1.576, 6e-3),
    (40, 40, 0.5833, 0.2, 0.0488, 0.0, PUT, 1.984, 1e-2),
    (40, 40, 0.0833, 0.3, 0.0488, 0.0, PUT, 1.309, 2e-3),
    (40, 40, 0.3333, 0.3, 0.0488, 0.0, PUT, 2.477, 8e-3),
    (40, 40, 0.5833, 0.3, 0.0488, 0.0, PUT, 3.161, 1.2e-2),
    (40, 40, 0.0833, 0.4, 0.0488, 0.0, PUT, 1.767, 3e-3),
    (40, 40, 0.3333, 0.4, 0.0488, 0.0, PUT, 3.381, 8e-3),
    (40, 40, 0.5833, 0.4, 0.0488, 0.0, PUT, 4.342, 1.2e-2),
    (40, 45, 0.0833, 0.3, 0.0488, 0.0, PUT, 5.059, 2e-3),
    (40, 45, 0.3333, 0.3, 0.0488, 0.0, PUT, 5.699, 8e-3),
    (40, 45, 0.5833, 0.3, 0.0488, 0.0, PUT, 6.231, 1.4e-2),
    (80, 100, 3.0, 0.2, 0.03, 0.07, CALL, 2.605, 3e-2),
    (90, 100, 3.0, 0.2, 0.03, 0.07, CALL, 5.182, 2.5e-2),
    (100, 100, 3.0, 0.2, 0.03, 0.07, CALL, 9.065, 2e-2),
    (110, 100, 3.0, 0.2, 0.03, 0.07, CALL, 14.430, 2e-2),
    (120, 100, 3.0, 0.2, 0.03, 0.07, CALL, 21.398, 2e-2),
    (100, 100, 3.0, 0.3, 0.07, 0.03, CALL, 23.402, 6e-2),
]
ENGINES = {
    "barone_adesi_whaley": (ql.BaroneAdesiWhaleyApproximationEngine, BARONE_ADESI_WHALEY, 3e-3),
    "bjerksund_stensland": (ql.BjerksundStenslandApproximationEngine, BJERKSUND_STENSLAND, 2e-4),
    "ju": (ql.JuQuadraticApproximationEngine, JU, 1e-3),
}
PRINTS = [(name, row) for name, (_, rows, _) in ENGINES.items() for row in rows]


@pytest.mark.parametrize(("name", "row"), PRINTS)
def test_our_values_are_those_that_approximations_print_within_their_error(name, row):
    *option, printed, error = row
    engine, _, digits = ENGINES[name]
    today, counter = ql.Date(2, 1, 2023), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = today
    spot, strike, years, vol, rate, carry, sign = option
    flat = [ql.YieldTermStructureHandle(ql.FlatForward(today, x * years, counter)) for x in (carry, rate)]
    vols = ql.BlackConstantVol(today, ql.NullCalendar(), vol * math.sqrt(years), counter)
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)), *flat, ql.BlackVolTermStructureHandle(vols)
    )
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, strike)
    one = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + 365))
    one.setPricingEngine(engine(process))

    assert pytest.approx(printed, abs=digits) == one.NPV()
    assert pytest.approx(printed, abs=error) == value(*option, preset=REFERENCE)[0][al.PRICE, 0]


def test_premiums_are_those_of_andersen_lake_and_offengenden():
    """V21: the finest scheme's premiums, and a strike of 95 whose print is of a quick scheme."""
    for strike, rate, premium, error in (
        (100.0, 0.05, 0.1069527, 4e-8),
        (100.0, 0.075, 0.36711118, 2e-7),
        (95.0, 0.075, 0.2386475, 2e-5),
    ):
        option = (100.0, strike, 1.0, 0.25, rate, 0.05, PUT)
        found = value(*option, preset=REFERENCE)[0][al.PRICE, 0] - european(*option)[0]
        assert pytest.approx(premium, abs=error) == found


@pytest.mark.parametrize(
    ("years", "printed"),
    [(4.9, 87.76960950), (2.5, 90.14327316), (1.0, 94.49793803), (0.1, 106.25889644)],
)
def test_the_boundary_is_near_that_of_the_quadratic_approximation(years, printed):
    """V21: QD+ is an approximation of the boundary, to a few thousandths."""
    options = np.array(columns(100.0, 120.0, years, 0.25, 0.10, 0.03, PUT))
    standing, work = np.array([al.WAITS], dtype=np.int8), al.new_workspace()
    al.load_tile(options, np.array([0]), standing, work)
    eb.solve_boundary(REFERENCE.calm, work)
    depth = work[(DEPTHS + REFERENCE.calm.nodes.size - 1) * LANES]
    found = 120.0 * math.exp(work[LOG_CAP * LANES] - depth)

    assert pytest.approx(printed, rel=4e-3) == found


def test_a_strip_of_options_replicates_a_variance_swap():
    """V28, Demeterfi, Derman, Kamal and Zou: strikes 50 to 135 by 5, vols 30 % falling a point each, fair variance .04189."""
    strikes, years, rate, spot, gap = np.arange(50.0, 140.0, 5.0), 0.246575, 0.05, 100.0, 5.0
    vols = 0.30 - 0.01 * (strikes - 50.0) / gap
    forward, discount = spot * math.exp(rate * years), math.exp(-rate * years)

    def strip(sign):
        """The log contract beyond the spot by straight lines between strikes, as much of each option as bends them."""
        inside = strikes <= spot if sign < 0 else strikes >= spot
        k = strikes[inside] if sign > 0 else strikes[inside][::-1]
        ends = np.append(k, k[-1] + sign * gap)
        payoff = 2.0 / years * ((ends - spot) / spot - np.log(ends / spot))
        slopes = np.abs(np.diff(payoff) / np.diff(ends))
        worth = price_european(*columns(forward, k, years, vols[inside][:: int(sign)], discount, sign))
        return np.diff(slopes, prepend=0.0) @ worth

    drift = 2.0 / years * (rate * years - (math.exp(rate * years) - 1.0))
    found = drift + (strip(PUT) + strip(CALL)) / discount

    assert pytest.approx(0.04189, abs=1e-4) == found
