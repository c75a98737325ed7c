"""The search for the best pairing against the whole programme: a column for each pair, a row for each exercise price."""

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, milp

from flatbook.margin import reg_t_search
from flatbook.margin.reg_t import capital
from flatbook.margin.reg_t_parameters import Account, with_account
from flatbook.margin.reg_t_positions import positions_of
from flatbook.margin.reg_t_programme import Phase, Solver, programme_of
from tests.margin.reg_t_books import RULES, book

_FORBIDDEN = 1e7


def _random_book(seed, options, expiries, grid, most, **usual):
    """Options on a grid of exercise prices, stock beside them; two sizes of contract in every fourth book."""
    rng = np.random.default_rng(seed)
    rows = [("s", 100 * int(rng.integers(-2, 3)))]
    for _ in range(options):
        kind, strike = str(rng.choice(["c", "p"])), float(grid * rng.integers(80 // grid, 120 // grid + 1))
        years = float(rng.choice([0.1, 0.2, 0.5, 1.0, 1.5][:expiries]))
        within = max(100.0 - strike if kind == "c" else strike - 100.0, 0.0)
        price = round(within + 8.0 * np.sqrt(years) * np.exp(-abs(strike - 100.0) / 20.0) + 0.01, 2)
        size = float(rng.choice([10.0, 25.0, 100.0])) if seed % 4 == 3 else 100.0
        more = {"years": years, "multiplier": size}
        rows.append((kind, int(rng.choice([-1, 1]) * rng.integers(1, most + 1)), strike, price, more))
    return book(*rows, **usual)


def _least(programme, phase):
    """The least cost, by another build of the solver and without any of what the search does to be quick."""
    positions, columns = programme.positions, programme.gross.shape[1]
    cost = programme.gross[phase] - programme.credit
    last = columns - len(programme.pools)
    held, whole = np.zeros((len(positions), columns)), np.zeros(columns)
    for column, lot in enumerate(programme.lots):
        for index, each in lot.legs:
            held[index, column] = each
        whole[column] = len(lot.legs) > 1
    balanced, losses = [], []
    for number, (pool, first) in enumerate(zip(programme.pools, programme.start, strict=True)):
        for place, index in enumerate(pool.members):
            held[index, first + place] = 1.0
            whole[first + place] = 1.0
        for rows, block in ((balanced, pool.balance), (losses, pool.loss)):
            wide = np.zeros((block.shape[0], columns))
            wide[:, first : first + len(pool.members)] = block
            rows.append(wide)
        losses[-1][:, last + number] = -1.0
    quantity = np.abs([one.quantity for one in positions])
    constraints = [LinearConstraint(held, quantity, quantity)]
    if programme.pools:
        constraints.append(LinearConstraint(np.concatenate(balanced), 0.0, 0.0))
        constraints.append(LinearConstraint(np.concatenate(losses), -np.inf, 0.0))
    found = milp(
        np.where(np.isnan(cost), _FORBIDDEN, cost),
        constraints=constraints,
        integrality=whole,
        options={"mip_rel_gap": 0.0},
    )
    assert found.status == 0
    return found.fun


def _agrees(legs, rules=RULES):
    positions, notes = positions_of(legs, rules)
    assert not notes
    programme = programme_of(positions, rules)
    for phase in Phase:
        found = Solver(programme, phase).best()
        if np.isnan(found.requirement):
            continue
        assert not found.unproven
        assert found.requirement - found.credit == pytest.approx(_least(programme, phase), abs=0.01)


@pytest.mark.parametrize("seed", range(24))
def test_as_the_whole_programme(seed):
    """Many contracts of a series, one to five expiries, prices of exercise that calls and puts share, three sizes."""
    grid, most = ((5, 9), (2, 9), (5, 1))[seed % 3]
    _agrees(_random_book(seed, 20, 1 + seed % 5, grid, most))


@pytest.mark.parametrize("seed", range(4))
def test_as_the_whole_programme_with_long_boxes(seed):
    """European options."""
    _agrees(_random_book(100 + 4 * seed, 18, 2, 5, 5, american=False))


@pytest.mark.parametrize("seed", range(4))
def test_as_the_whole_programme_without_credit(seed):
    """A cash account of European index options."""
    legs = _random_book(200 + seed, 14, 2, 5, 4, american=False, product_class="broad-index")
    _agrees(legs, with_account(RULES, Account.CASH))


@pytest.mark.parametrize("first", [0.05, 30.0])
def test_limits_change_no_answer(monkeypatch, first):
    """However near to the relaxation the search starts."""
    legs = _random_book(2, 20, 3, 2, 9)
    before = capital(legs, RULES, marginals=False)
    monkeypatch.setattr(reg_t_search, "_FIRST_LIMIT", first)
    after = capital(legs, RULES, marginals=False)
    assert after.net_of_proceeds == pytest.approx(before.net_of_proceeds, abs=0.01)
    assert after.maintenance == pytest.approx(before.maintenance, abs=0.01)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_not_proven_is_told(monkeypatch, seed):
    """With one node the pairing still is one, and the best is no further below it than the note says."""
    legs = _random_book(300 + 4 * seed, 20, 3, 1, 9)
    programme = programme_of(positions_of(legs, RULES)[0], RULES)
    monkeypatch.setattr(reg_t_search, "NODES", 1)
    found = Solver(programme, Phase.INITIAL).best()
    least = _least(programme, Phase.INITIAL)
    cost = found.requirement - found.credit
    assert cost >= least - 0.01
    assert cost - found.unproven <= least + 0.01
    notes = capital(legs, RULES, marginals=False).notes
    assert any("initial pairing not proven best" in note for note in notes) == bool(found.unproven)
