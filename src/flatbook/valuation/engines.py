"""Which engine values a series, by its style, carry, dividends and the error that is allowed, and why.

Every engine comes in settings; each has a bound of its error, relative to max(price, 1 % of spot), and what it costs.
The cheapest setting within the tolerance is taken. An American option that early exercise never pays for is European:
R. Merton, "Theory of rational option pricing", Bell J. Economics 4 (1973) 141-183. Premium tables cost a build for each
expiry and side and pay from so many uses on.
Bounds: above the largest difference from much finer settings of the same engine, or from QuantLib; boundaries over vols
of 1 to 300 % and lives of an hour to ten years, lattices there where the drift is up to one deviation of the life, grids
where besides vol * sqrt(years) is up to 1 and the life two years, escrowed trees over vols of 5 to 120 % and up to two
years. Beyond, where the drift is up to four deviations, grids and lattices err by up to eight times as much. Costs: one
core of a Zen 4 server.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flatbook.kernels import andersen_lake, dividend_grid
from flatbook.market.american import has_two_boundaries
from flatbook.model.table import Bools, Floats, Ints

Codes = NDArray[np.int8]


class Engine(IntEnum):
    """What values a series."""

    BLACK = 0  # the closed form on the forward
    BOUNDARY = 1  # the American exercise boundary, solved for each option
    TABLE = 2  # the early-exercise premium from a table of the expiry and side
    GRID = 3  # finite differences, cash dividends falling from spot
    LATTICE = 4  # a pair of trees, where exercise has two boundaries
    ESCROWED = 5  # the same on the spot less the present value of its dividends


class Why(IntEnum):
    """What decided for the engine."""

    EUROPEAN = 0
    NEVER_EARLY = 1
    FEW_USES = 2
    MANY_USES = 3
    CASH_DIVIDENDS = 4
    ESCROWED = 5
    TWO_BOUNDARIES = 6
    ASKED_FOR = 7


WHY_WORDS = (
    "European: the closed form holds",
    "American, but early exercise never pays at these rates: the closed form holds",
    "American: too few uses of its expiry and side to pay for a table",
    "American: its expiry and side is used often enough to pay for a table",
    "cash dividends fall from spot before expiry: no closed form",
    "American with escrowed cash dividends",
    "American with two exercise boundaries (dividend yield below a negative rate, or mirrored)",
    "asked for by name",
)


class Setting(NamedTuple):
    """How finely an engine works."""

    engine: Engine
    name: str
    size: tuple[int, ...]  # grid: nodes and steps; lattice: steps
    preset: andersen_lake.Preset | None  # of the exercise boundary, also behind a table
    error: float  # bound, relative to max(price, 1 % of spot); a table's own fit comes on top
    effort_us: float  # of one price


BLACK_ERROR = 1e-12
BOUNDARY_FAST_ERROR = 8e-4
BOUNDARY_ACCURATE_ERROR = 4e-5
BOUNDARY_REFERENCE_ERROR = 2e-6
BEHIND_TABLE_ACCURATE_ERROR = 1e-5  # tables stand on the finer rule of a preset alone
BEHIND_TABLE_REFERENCE_ERROR = 1e-6
GRID_FAST_ERROR = 4e-3
GRID_MIDDLE_ERROR = 1e-3
GRID_ACCURATE_ERROR = 4e-4
GRID_FINEST_ERROR = 1e-4
TABLE_BUILD_US = 600.0

_FAST, _ACCURATE, _REFERENCE = andersen_lake.FAST, andersen_lake.ACCURATE, andersen_lake.REFERENCE
SETTINGS = (  # within an engine from the cheapest to the finest
    Setting(Engine.BLACK, "closed form", (), None, BLACK_ERROR, 0.02),
    Setting(Engine.BOUNDARY, "fast", (), _FAST, BOUNDARY_FAST_ERROR, 0.8),
    Setting(Engine.BOUNDARY, "accurate", (), _ACCURATE, BOUNDARY_ACCURATE_ERROR, 1.8),
    Setting(Engine.BOUNDARY, "reference", (), _REFERENCE, BOUNDARY_REFERENCE_ERROR, 15.0),
    Setting(Engine.TABLE, "over accurate", (), _ACCURATE, BEHIND_TABLE_ACCURATE_ERROR, 0.04),
    Setting(Engine.TABLE, "over reference", (), _REFERENCE, BEHIND_TABLE_REFERENCE_ERROR, 0.04),
    Setting(Engine.GRID, "fast", dividend_grid.FAST, None, GRID_FAST_ERROR, 9.0),
    Setting(Engine.GRID, "middle", (161, 54), None, GRID_MIDDLE_ERROR, 20.0),
    Setting(Engine.GRID, "accurate", dividend_grid.ACCURATE, None, GRID_ACCURATE_ERROR, 35.0),
    Setting(Engine.GRID, "finest", (481, 160), None, GRID_FINEST_ERROR, 140.0),
    Setting(Engine.LATTICE, "101 steps", (101,), None, 8e-4, 9.0),
    Setting(Engine.LATTICE, "201 steps", (201,), None, 4e-4, 26.0),
    Setting(Engine.LATTICE, "401 steps", (401,), None, 2e-4, 82.0),
    Setting(Engine.LATTICE, "801 steps", (801,), None, 1e-4, 300.0),
    Setting(Engine.ESCROWED, "101 steps", (101,), None, 4e-2, 8.0),
    Setting(Engine.ESCROWED, "201 steps", (201,), None, 1.6e-2, 20.0),
    Setting(Engine.ESCROWED, "401 steps", (401,), None, 1e-2, 80.0),
    Setting(Engine.ESCROWED, "801 steps", (801,), None, 6e-3, 170.0),
)
_FIT_SHARE = 0.5  # of a tolerance that the fit of a table may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An engine and its setting for every series."""

    engine: Codes  # int8[n], of `Engine`
    setting: Codes  # int8[n], into SETTINGS
    error: Floats  # float64[n]: bound relative to max(price, 1 % of spot)
    why: Codes  # int8[n], of `Why`
    tolerance: float
    uses: float

    @property
    def within(self) -> Bools:
        """bool[n]: the bound is within the tolerance; where not, no engine of ours is that fine."""
        return self.error <= self.tolerance


def choose(
    *,
    american: Bools,
    sign: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    pays: Bools,
    spot_model: Bools,
    group: Ints,
    tolerance: float,
    uses: float,
) -> Choice:
    """Choose the engine of every series.

    Parameters
    ----------
    american, spot_model : bool[n]
        Exercise at any time; cash dividends fall from spot (they are escrowed otherwise).
    sign, years, rate, dividend_yield : float64[n]
        +1 call, -1 put; to expiry; continuous annual decimals. With a forward as underlying the yield is the rate.
    pays : bool[n]
        Cash dividends fall before expiry.
    group : int64[n]
        Number of the expiry and side, 0 or above: what shares a table.
    tolerance : float
        Largest error allowed, relative to max(price, 1 % of spot).
    uses : float
        How often each series will be valued at these rates and this time: 1 for a list of cases; every cell of a slide,
        every tick and every round of an implied volatility counts one, a valuation with vega seven.

    Returns
    -------
    Choice
        NaN rates are chosen for as if European; their values are NaN whatever values them.
    """
    settings = np.array([_setting_of(engine, tolerance) for engine in Engine], dtype=np.int8)
    early = american & ~pays
    interest = np.where(sign > 0.0, dividend_yield, rate)  # of a put of strike one
    two = early & has_two_boundaries(sign, rate, dividend_yield)
    waits = early & (interest > 0.0)
    pays_off = _tables_pay(waits & (years > 0.0) & (np.abs(sign) == 1.0), group, tolerance, uses)
    why = np.full(american.size, Why.EUROPEAN, dtype=np.int8)
    why[early] = Why.NEVER_EARLY
    why[two] = Why.TWO_BOUNDARIES
    why[waits] = Why.FEW_USES
    why[pays_off] = Why.MANY_USES
    why[pays & spot_model] = Why.CASH_DIVIDENDS
    why[american & pays & ~spot_model] = Why.ESCROWED
    engine = _ENGINE_FOR[why]
    setting = settings[engine]
    error = np.array([one.error for one in SETTINGS])[setting]
    error[pays_off] = tolerance
    return Choice(engine=engine, setting=setting, error=error, why=why, tolerance=tolerance, uses=uses)


_ENGINE_FOR = np.array(
    [
        Engine.BLACK,
        Engine.BLACK,
        Engine.BOUNDARY,
        Engine.TABLE,
        Engine.GRID,
        Engine.ESCROWED,
        Engine.LATTICE,
    ],
    dtype=np.int8,
)


def with_engine(choice: Choice, where: Bools, engine: Engine) -> Choice:
    """The same choice with the engine that somebody asked for in the rows `where`."""
    number = _setting_of(engine, choice.tolerance)
    return replace(
        choice,
        engine=np.where(where, np.int8(engine), choice.engine),
        setting=np.where(where, np.int8(number), choice.setting),
        error=np.where(where, SETTINGS[number].error, choice.error),
        why=np.where(where, np.int8(Why.ASKED_FOR), choice.why),
    )


def explain(choice: Choice) -> list[str]:
    """One sentence a series: the engine, its setting, its error bound and what decided."""
    keys = np.stack((choice.setting.astype(np.float64), choice.why.astype(np.float64), choice.error))
    different, of = np.unique(keys, axis=1, return_inverse=True)
    words = [
        _sentence(SETTINGS[int(setting)], Why(int(why)), float(error), choice.tolerance)
        for setting, why, error in different.T
    ]
    return [words[i] for i in of.ravel().tolist()]


def _sentence(setting: Setting, why: Why, error: float, tolerance: float) -> str:
    reach = "within" if error <= tolerance else "finest there is:"
    engine = setting.engine.name.lower()
    return f"{engine}, {setting.name}, {reach} {error:.0e} of max(price, 1 % of spot); {WHY_WORDS[why]}"


def setting_for(engine: Engine, tolerance: float) -> Setting:
    """The cheapest setting of `engine` within the tolerance, else its finest."""
    return SETTINGS[_setting_of(engine, tolerance)]


def table_fit(setting: Setting, tolerance: float) -> float:
    """What error a table may add to that of the engine behind it; not above zero where nothing is left to it."""
    return tolerance - setting.error


def table_uses(tolerance: float) -> float:
    """From how many prices of one expiry and side on its table is cheaper than solving each."""
    if not _tables_reach(tolerance):
        return float("inf")
    direct = setting_for(Engine.BOUNDARY, tolerance).effort_us
    return TABLE_BUILD_US / (direct - setting_for(Engine.TABLE, tolerance).effort_us)


def _setting_of(engine: Engine, tolerance: float) -> int:
    mine = [k for k, setting in enumerate(SETTINGS) if setting.engine is engine]
    spare = _FIT_SHARE if engine is Engine.TABLE else 1.0
    return next((k for k in mine if SETTINGS[k].error <= spare * tolerance), mine[-1])


def _tables_reach(tolerance: float) -> bool:
    return setting_for(Engine.TABLE, tolerance).error <= _FIT_SHARE * tolerance


def _tables_pay(able: Bools, group: Ints, tolerance: float, uses: float) -> Bools:
    """bool[n]: series whose expiry and side will be priced often enough."""
    if not able.any():
        return able
    together = np.bincount(group[able], minlength=int(group.max()) + 1)
    return np.asarray(able & (uses * together[group] >= table_uses(tolerance)))
