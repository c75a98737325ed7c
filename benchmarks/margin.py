"""Capital methods: a whole desk's haircut, what each of 5,000 series adds, an account on Deribit, the best pairing of 60 legs.

Ours beside what a desk writes first: a plain QuantLib loop over the ten points, a full run of the book for every contract
more, plain Python over the cells of the venue, a greedy pairing. Where the peer does a share of the work its time is scaled.
Answers are compared before they are timed; one thread. Run alone: `python -m benchmarks.margin`.
"""

import platform
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import perf_counter
from typing import NamedTuple

import msgspec
import numpy as np
from tests.margin import pme_books, reg_t_books, span_samples
from tests.naive import pme as naive_pme
from tests.naive import reg_t as naive_reg_t

from benchmarks.exposure import Loop
from benchmarks.exposure_world import SPOT, world
from benchmarks.peers.stopwatch import Work, time_calls
from flatbook.adapters.margin_parameters.read import read_parameters_as
from flatbook.exposure.grouping import by_position
from flatbook.exposure.slides import MOVES, SHIFTS_POINTS
from flatbook.margin import marginal as scenario_books
from flatbook.margin import pme, reg_t, span
from flatbook.margin.desk_capital import (
    PointPnl,
    PointTerms,
    marginals_of_book,
    point_pnl,
    point_terms,
    requirement_of_book,
)
from flatbook.margin.legs import LegKind, Legs
from flatbook.margin.requirement import Method
from flatbook.margin.span_arrays import contracts_of
from flatbook.margin.span_parameters import SpanParameters
from flatbook.market.view import MarketView
from flatbook.model.parameters import HaircutRange, ProductGroup
from flatbook.model.table import Floats, Ints
from flatbook.valuation.revalue import make_ready, renewed
from flatbook.valuation.values import Values, value

SAMPLE = 20  # series that QuantLib prices
FULL_RUNS = 5  # contracts for which the whole book is run again, each side
SERIES, UNDERLYINGS = 5_000, 50
ROUNDS, FEWEST_ROUNDS, BUDGET_S = 15, 3, 8.0  # of each comparison
_LEAST_S = 0.02
_MOVED = ("spot", "slice_spot", "slice_forward", "forward")
_SLIDES = float(MOVES.size * SHIFTS_POINTS.size)  # cells of the slides, whose tables the points read


class Comparison(NamedTuple):
    """Our work, and a peer's where there is one."""

    name: str
    target_ms: float | None
    ours: Work
    peer_name: str = ""
    peer: Work | None = None
    scale: float = 1.0  # ours over the peer's share


class PointLoop(Loop):
    """The plain QuantLib loop over some series, at the points of each."""

    def points(self, moves: Floats) -> Floats:
        """Profit of a share, float64[series, points]."""
        out = np.empty((len(self.rows), moves.shape[1]))
        for i, (option, row) in enumerate(zip(self.options, self.rows, strict=True)):
            self.spot.setValue(SPOT)
            still = option.NPV()
            for point, move in enumerate(moves[self.market.table.underlying_of[row]].tolist()):
                self.spot.setValue(SPOT * (1.0 + move))
                out[i, point] = option.NPV() - still
        self.spot.setValue(SPOT)
        return out


class _Desk(NamedTuple):
    market: MarketView
    values: Values
    terms: PointTerms
    quantity: Ints
    rows: Ints


def timings() -> Iterator[str]:
    """A line for each comparison."""
    for comparison in (*_haircuts(), *_marginals(), *_accounts()):
        yield _line(comparison)


def _line(one: Comparison) -> str:
    one.ours()
    mine: list[float] = []
    ratios, end = [], perf_counter() + BUDGET_S
    while len(mine) < FEWEST_ROUNDS or (len(mine) < ROUNDS and perf_counter() < end):
        mine.append(time_calls(one.ours, _LEAST_S)[0])
        if one.peer is not None:
            ratios.append(time_calls(one.peer, 0.0)[0] * one.scale / mine[-1])
    median, high = np.quantile(mine, [0.5, 0.9]) * 1e3
    target = "" if one.target_ms is None else f" of {one.target_ms:g}"
    line = f"{one.name:70} {median:8.2f}ms{target:9} (90 % {high:.2f})"
    if ratios:
        low, middle, most = (
            f"{x:.0f}" if x >= 10.0 else f"{x:.2g}" for x in np.quantile(ratios, [0.1, 0.5, 0.9])
        )
        line += f"  {middle:>7} x ({low}-{most}) {one.peer_name}"
    return line


def _desk() -> tuple[_Desk, Work]:
    """The desk of the exposure benchmark; ten of its underlyings are indexes, and eight groups of five offset each other."""
    market, holdings, desk = world()
    names = market.table.underlyings
    desk = msgspec.structs.replace(
        desk,
        underlyings=tuple(
            msgspec.structs.replace(one, haircut=HaircutRange.BROAD_INDEX) if number % 5 == 0 else one
            for number, one in enumerate(desk.underlyings)
        ),
        groups=tuple(
            ProductGroup(name=f"G{g}", underlyings=names[5 * g : 5 * g + 5], capital_offset=0.9)
            for g in range(8)
        ),
    )
    rows = np.arange(len(market.table.instruments))
    ready = make_ready(market, value(market), rows, int(_SLIDES))
    moved = replace(market, **{name: getattr(market, name) * 1.001 for name in _MOVED})
    values = value(moved)
    point = point_terms(desk, market.table)
    made = _Desk(moved, values, point, by_position(holdings, rows.size), rows)

    def warm() -> float:
        points = point_pnl(rows, values, moved, point.moves, renewed(ready, moved, values))
        return requirement_of_book(by_position(holdings, rows.size), points, point).requirement

    return made, warm


def _haircuts() -> Iterator[Comparison]:
    desk, warm = _desk()
    base, _, _ = world()
    loop = PointLoop(base, desk.rows[:: desk.rows.size // SAMPLE].tolist())
    points = _points(desk)
    at_base = point_pnl(np.array(loop.rows), value(base), base, desk.terms.moves)
    apart = np.abs(at_base.pnl / 100.0 - loop.points(desk.terms.moves)).max()
    assert apart < 0.01, f"points differ by {apart} a share"
    scale = desk.rows.size / len(loop.rows)

    def peer() -> object:
        return loop.points(desk.terms.moves)

    what = "TIMS of 10,000 positions, 5,000 series, 50 underlyings"
    yield Comparison(f"{what}, tables warm", 20.0, warm, "QuantLib loop", peer, scale)
    yield Comparison(
        "the same, each series solved anew",
        None,
        lambda: requirement_of_book(desk.quantity, _points(desk), desk.terms),
        "QuantLib loop",
        peer,
        scale,
    )
    yield Comparison(
        "the same, another book, profits at the points at hand",
        None,
        lambda: requirement_of_book(desk.quantity, points, desk.terms),
    )


def _points(desk: _Desk) -> PointPnl:
    return point_pnl(desk.rows, desk.values, desk.market, desk.terms.moves)


def _marginals() -> Iterator[Comparison]:
    desk, _ = _desk()
    points = _points(desk)
    result = requirement_of_book(desk.quantity, points, desk.terms)
    found = marginals_of_book(result, desk.quantity, points, desk.terms)
    some = desk.rows[:: desk.rows.size // FULL_RUNS]

    def need(quantity: Ints) -> float:
        return requirement_of_book(quantity, points, desk.terms).requirement

    _agree(found, _again(need, desk.quantity, some) - result.requirement, some)
    scale = desk.rows.size / some.size
    yield Comparison(
        "TIMS marginals of 5,000 series, both sides, groups of offsets",
        5.0,
        lambda: marginals_of_book(result, desk.quantity, points, desk.terms),
        "full run each",
        lambda: _again(need, desk.quantity, some),
        scale,
    )
    book, series = _scenarios(desk, points)
    yield Comparison(
        "the same, of any scenario margin (margin.marginal), 10 scenarios",
        5.0,
        lambda: scenario_books.marginal(book, series),
    )
    yield _span_marginals()


def _again(need: Callable[[Ints | Floats], float], quantity: Floats | Ints, some: Ints) -> Floats:
    """Full runs with one contract more of each of some rows, bought and sold, float64[2, rows]."""
    out = np.empty((2, some.size))
    for side, signed in enumerate((1, -1)):
        for place, row in enumerate(some.tolist()):
            after = quantity.copy()
            after[row] += signed
            out[side, place] = need(after)
    return out


def _agree(found: tuple[Floats, Floats], wanted: Floats, some: Ints) -> None:
    np.testing.assert_allclose(np.array(found)[:, some], wanted, rtol=1e-6, atol=1e-4)


def _scenarios(
    desk: _Desk, points: PointPnl
) -> tuple[scenario_books.ScenarioBook, scenario_books.ScenarioSeries]:
    minimum = desk.terms.minimum_per_contract
    series = scenario_books.ScenarioSeries(
        pnl=points.pnl,
        class_of=points.class_of,
        quantity=desk.quantity.astype(np.float64),
        minimum_long=minimum,
        minimum_short=minimum,
    )
    groups = np.arange(UNDERLYINGS) // 5
    return scenario_books.held_book(series, groups, np.full(UNDERLYINGS, 0.9), int(groups[-1]) + 1), series


def _span_marginals() -> Comparison:
    random = np.random.default_rng(1)
    rows = []
    for number in range(SERIES):
        kind = (LegKind.CALL, LegKind.PUT, LegKind.FUTURE)[number % 3]
        option = kind is not LegKind.FUTURE
        rows.append(
            {
                "underlying": f"U{number % UNDERLYINGS}",
                "kind": kind,
                "strike": float(50 + random.integers(0, 50)) if option else np.nan,
                "vol": float(random.uniform(0.2, 0.4)),
                "years": float(random.uniform(0.05, 1.0)),
                "quantity": float(random.integers(-9, 10)),
            }
        )
    legs = span_samples.legs_of(*rows)
    parameters = read_parameters_as(SpanParameters, Method.SPAN)
    book = span.span_book(contracts_of(legs, parameters).contracts, parameters)
    base = span.requirement_of(book, legs.quantity).initial
    some = np.arange(0, SERIES, SERIES // FULL_RUNS)

    def need(quantity: Floats) -> float:
        return span.requirement_of(book, quantity).initial

    _agree(span.marginals_of(book, legs.quantity), _again(need, legs.quantity, some) - base, some)
    return Comparison(
        f"SPAN marginals of {SERIES:,d} series, both sides, {UNDERLYINGS} commodities",
        5.0,
        lambda: span.marginals_of(book, legs.quantity),
        "full run each",
        lambda: _again(need, legs.quantity, some),
        SERIES / FULL_RUNS,
    )


def _accounts() -> Iterator[Comparison]:
    yield _deribit(1_000)
    for expiries in (1, 3, 6):
        legs = _legs(_units(expiries), 30)
        yield Comparison(
            f"Reg T, {len(legs)} legs, expiries: {expiries}, both phases, {_proven(legs)}",
            1000.0,
            lambda legs=legs: reg_t.capital(legs, reg_t_books.RULES, marginals=False),
        )
    yield _greedy()


def _deribit(count: int) -> Comparison:
    random = np.random.default_rng(1)
    terms = pme_books.parameters()
    rows = []
    for _ in range(count):
        kind = str(random.choice(["call", "put", "future"], p=[0.45, 0.45, 0.1]))
        row = {
            "kind": kind,
            "years": float(random.choice([0.01, 0.03, 0.1, 0.2, 0.5, 1.0])),
            "quantity": float(np.round(random.normal(0.0, 20.0))),
        }
        if kind != "future":
            row |= {
                "strike": float(np.round(65_000.0 * np.exp(random.normal(0.0, 0.3)), -3)),
                "vol": float(random.uniform(0.4, 1.2)),
            }
        rows.append(row)
    legs = pme_books.legs_of(rows)
    twins = [
        {"kind": row["kind"], "forward": 65_000.0, "strike": row.get("strike"), "years": row["years"],
         "vol": row.get("vol"), "coins": row["quantity"]}
        for row in rows
    ]  # fmt: skip
    for leg in twins:
        if leg["kind"] != "future":
            leg["mark"] = naive_pme.black(
                *(leg[key] for key in ("kind", "forward", "strike", "years", "vol"))
            )
            leg["mark"] /= leg["forward"]
    venue = msgspec.to_builtins(terms.pairs["BTC"]) | msgspec.to_builtins(terms.currencies["BTC"])
    ours = pme.capital(legs, terms).requirement
    theirs = sum(naive_pme.risk_matrix_margin(twins, venue, 65_000.0))
    assert abs(ours / theirs - 1.0) < 1e-9, (ours, theirs)
    return Comparison(
        f"PME of a {count:,d}-leg account, marginals of both sides included",
        20.0,
        lambda: pme.capital(legs, terms),
        "plain Python, no marginals",
        lambda: naive_pme.risk_matrix_margin(twins, venue, 65_000.0),
    )


def _options(expiries: int) -> Iterator[tuple[str, float, float, float]]:
    """Kind, strike, years and price of one series after another, each once."""
    random = np.random.default_rng(2)
    seen = set()
    while True:
        kind, strike = str(random.choice(["c", "p"])), float(random.integers(60, 141))
        years = (0.05, 0.1, 0.2, 0.4, 0.8, 1.2)[random.integers(expiries)]
        if (kind, strike, years) not in seen:
            seen.add((kind, strike, years))
            inside = max(SPOT - strike if kind == "c" else strike - SPOT, 0.0)
            price = inside + 8.0 * np.sqrt(years) * np.exp(-abs(strike - SPOT) / 20.0) + 0.01
            yield kind, strike, years, round(float(price), 2)


def _units(expiries: int) -> list[tuple[object, ...]]:
    """59 options and 100 shares of one underlying: one contract of each, long or short."""
    random = np.random.default_rng(3)
    options = zip(range(59), _options(expiries), strict=False)
    return [("s", 1), *((*option, int(random.choice([-1, 1]))) for _, option in options)]


def _legs(units: list[tuple[object, ...]], most: int) -> Legs:
    random = np.random.default_rng(4)
    rows: list[tuple[object, ...]] = [("s", 100 * int(random.integers(1, most + 1)))]
    for kind, strike, years, price, sign in units[1:]:
        rows.append((kind, sign * int(random.integers(1, most + 1)), strike, price, {"years": years}))
    return reg_t_books.book(*rows, spot=SPOT)


def _proven(legs: Legs) -> str:
    """Whether the pairings are proven best."""
    return "not proven" if reg_t.capital(legs, reg_t_books.RULES, marginals=False).notes else "proven"


def _greedy() -> Comparison:
    units = _units(3)
    legs = _legs(units, 1)
    ours = reg_t.capital(legs, reg_t_books.RULES, marginals=False).net_of_proceeds
    theirs = naive_reg_t.greedy(units, SPOT)
    assert ours <= theirs + 0.01, (ours, theirs)
    return Comparison(
        f"Reg T, {len(legs)} single contracts in 3 expiries; greedy asks {100.0 * (theirs / ours - 1.0):.0f} % more",
        1000.0,
        lambda: reg_t.capital(legs, reg_t_books.RULES, marginals=False),
        "greedy pairing",
        lambda: naive_reg_t.greedy(units, SPOT),
    )


if __name__ == "__main__":
    print(platform.processor() or platform.machine(), platform.python_version())
    for each in timings():
        print(each, flush=True)
