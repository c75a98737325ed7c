"""Laws of the best pairing, against brute force and a greedy pairing."""

import subprocess
import sys
from dataclasses import replace

import highspy
import numpy as np
import pytest

from flatbook.margin import reg_t_positions
from flatbook.margin.leg_values import mark
from flatbook.margin.reg_t import capital
from flatbook.model.errors import FaultsError
from tests.margin.reg_t_books import RULES, book, strategies
from tests.naive import reg_t as naive

_SPOT = 100.0
_SEEDS = range(40)


def _random_units(seed, most):
    rng = np.random.default_rng(seed)
    units = []
    for _ in range(rng.integers(3, most + 1)):
        if rng.random() < 0.15:
            units.append(("s", int(rng.choice([-1, 1]))))
            continue
        kind, strike = str(rng.choice(["c", "p"])), float(rng.choice([85, 90, 95, 100, 105, 110]))
        years = float(rng.choice([0.1, 0.25, 1.0]))
        within = max(_SPOT - strike if kind == "c" else strike - _SPOT, 0.0)
        price = round(within + 6.0 * np.sqrt(years) * np.exp(-abs(strike - _SPOT) / 15.0), 2)
        units.append((kind, strike, years, price, int(rng.choice([-1, 1]))))
    signs = {}  # one series is held on one side: the referee does not close contracts against each other
    return [(*unit[:-1], signs.setdefault(unit[:3] if unit[0] != "s" else "s", unit[-1])) for unit in units]


def _book_of(units):
    rows = [
        ("s", 100 * unit[1]) if unit[0] == "s" else (unit[0], unit[4], unit[1], unit[3], {"years": unit[2]})
        for unit in units
    ]
    return book(*rows, spot=_SPOT)


@pytest.mark.parametrize("seed", _SEEDS)
def test_least_of_all_pairings(seed):
    """The integer programme finds what trying every way to cut the book finds; a greedy pairing is no better."""
    units = _random_units(seed, 8)
    found = capital(_book_of(units), RULES, marginals=False)
    assert not found.notes
    least = naive.brute_force(units, _SPOT)
    assert found.net_of_proceeds == pytest.approx(least, abs=0.01), f"seed {seed}"
    assert least <= naive.greedy(units, _SPOT) + 0.01
    assert naive.greedy(units, _SPOT) <= naive.naked_sum(units, _SPOT) + 0.01


@pytest.mark.parametrize("seed", range(6))
def test_greedy_and_naked_sum_are_no_better_in_larger_books(seed):
    """Thirty units: more than brute force can try."""
    units = _random_units(1000 + seed, 30)
    found = capital(_book_of(units), RULES, marginals=False)
    assert found.net_of_proceeds <= naive.greedy(units, _SPOT) + 0.01
    assert found.maintenance <= found.initial + 0.01


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 2, 0, 3), (2, 0, 3, 1)])
def test_overlapping_debit_spreads_need_their_debit_only(order):
    """95/105 and 100/110: whichever legs came first, and however they could be mispaired."""
    rows = [("c", 5, 95, 7.0), ("c", -5, 105, 1.5), ("c", 5, 100, 3.8), ("c", -5, 110, 0.6)]
    found = capital(book(*(rows[at] for at in order)), RULES)
    assert found.requirement == pytest.approx(100 * 5 * (7.0 + 3.8))
    assert found.net_of_proceeds == pytest.approx(100 * 5 * (7.0 + 3.8 - 1.5 - 0.6))
    assert strategies(found.found) == ["call debit spread", "call debit spread"]


@pytest.mark.parametrize("seed", range(5))
def test_order_and_splitting_change_nothing(seed):
    """Rows shuffled, and one of them cut in two."""
    legs = _book_of(_random_units(seed, 8))
    rng = np.random.default_rng(seed)
    before = capital(legs, RULES)
    rows = rng.permutation(np.append(np.arange(len(legs)), 0))
    split = legs.take(rows)
    halves = np.flatnonzero(rows == 0)
    quantity = split.quantity.copy()
    quantity[halves] = [3.0 * quantity[halves[0]], -2.0 * quantity[halves[0]]]
    split = replace(split, quantity=quantity)
    after = capital(split, RULES)
    for name in ("requirement", "maintenance", "net_of_proceeds"):
        assert getattr(after, name) == getattr(before, name)
    assert np.array_equal(after.marginal_buy, before.marginal_buy[rows])
    assert np.array_equal(after.marginal_sell, before.marginal_sell[rows])


@pytest.mark.parametrize("seed", range(5))
def test_marginal_is_the_difference_of_two_runs(seed):
    """One contract more of each leg, bought and sold, also where that closes or turns a position."""
    legs = _book_of(_random_units(50 + seed, 7))
    found = capital(legs, RULES)
    for row in range(len(legs)):
        for side, marginal in ((1.0, found.marginal_buy), (-1.0, found.marginal_sell)):
            quantity = legs.quantity.copy()
            quantity[row] += side
            other = capital(replace(legs, quantity=quantity), RULES, marginals=False)
            assert marginal[row] == pytest.approx(other.requirement - found.requirement, abs=0.01)


def test_a_series_not_held_has_a_marginal():
    """A leg of no contracts is a candidate: the call that would hedge a short one."""
    found = capital(book(("c", -1, 100, 3.0), ("c", 0, 105, 1.0)), RULES)
    assert found.requirement == pytest.approx(300 + 2000)
    assert found.marginal_buy[1] == pytest.approx(100 + 500 - 2300)
    assert found.marginal_sell[1] == pytest.approx(100 + 1500)


@pytest.mark.parametrize("years", [0.1, 0.75, 0.76, 3.0])
def test_a_long_option_needs_no_more_than_it_is_worth(years):
    """In full up to nine months, a share of it afterwards."""
    found = capital(book(("p", 7, 90, 4.0, {"years": years})), RULES, marginals=False)
    assert found.requirement == pytest.approx(2800 * (1.0 if years <= 0.75 else 0.75))
    assert found.maintenance == found.requirement


def test_one_option_does_not_cover_twice():
    """One long call between two short ones: one stays uncovered, the dearer one does not."""
    found = capital(
        book(("c", 1, 102, 2.5), ("c", -1, 100, 3.0), ("c", -1, 110, 0.5)), RULES, marginals=False
    )
    assert found.net_of_proceeds == pytest.approx(250 + 200 + 1000 - 300)
    assert strategies(found.found) == ["call credit spread", "uncovered call"]


def test_packages_add_up():
    """Every contract is in one package, and the packages' requirements are the account's."""
    legs = _book_of(_random_units(7, 12))
    found = capital(legs, RULES, marginals=False)
    packages = found.found["pairing"]
    assert sum(package["requirement"] for package in packages) == pytest.approx(found.requirement)
    held = {}
    for package in packages:
        for leg in package["legs"]:
            for row in leg["rows"]:
                held[row] = held.get(row, 0.0) + leg["quantity"] / len(leg["rows"])
    assert sum(held.values()) == pytest.approx(legs.quantity.sum())


def test_faults_name_the_row():
    """Futures, parts of a contract, one series at two prices."""
    legs = book(("c", 1, 100, 2.0), ("f", 1), ("c", 0.5, 105, 1.0), ("c", 1, 100, 2.5))
    with pytest.raises(FaultsError, match="line 3") as told:
        capital(legs, RULES)
    text = str(told.value)
    assert "line 4 column quantity" in text
    assert "line 5 column price" in text


def test_a_vol_stands_for_a_price():
    """Black-Scholes of one year at 20 % and no rates: 7.9656 (Hull, table of values); 20 % of the underlying on top."""
    one = {"price": np.nan, "vol": 0.2, "years": 1.0, "american": False}
    found = capital(book(("c", -1, 100, one)), RULES, marginals=False)
    assert found.requirement == pytest.approx(796.56 + 2000, abs=0.01)
    assert found.net_of_proceeds == pytest.approx(2000)


def test_what_cannot_be_priced_has_no_requirement(monkeypatch):
    """The account has no number then, and the note names the row."""

    def unpriced(legs):
        marked = mark(legs)
        return replace(marked, price=np.full(len(legs), np.nan), unpriced=("outside the model",) * len(legs))

    monkeypatch.setattr(reg_t_positions, "mark", unpriced)
    legs = book(("p", 1, 100, 2.0), ("c", -1, 100, {"price": np.nan, "vol": 0.2}))
    found = capital(legs, RULES)
    assert np.isnan([found.requirement, found.maintenance, found.net_of_proceeds]).all()
    assert np.isnan(found.marginal_buy).all()
    assert found.notes == ("book.csv line 3 has no price: outside the model",)


def test_nothing_requires_nothing():
    """Contracts that close each other leave no requirement, but what one more of them would need."""
    found = capital(book(("p", 3, 90, 4.0), ("p", -3, 90, 4.0)), RULES)
    assert (found.requirement, found.maintenance, found.found["pairing"]) == (0.0, 0.0, [])
    assert found.marginal_buy == pytest.approx([400.0, 400.0])
    assert found.marginal_sell == pytest.approx([400.0 + 1000.0] * 2)


def test_a_box_of_american_options_is_paid_in_full():
    """Half the difference is for European ones."""
    rows = [("c", 1, 95, 7.0), ("c", -1, 105, 1.5), ("p", 1, 105, 6.4), ("p", -1, 95, 2.1)]
    american = capital(book(*rows), RULES, marginals=False)
    european = capital(book(*rows, american=False), RULES, marginals=False)
    assert american.net_of_proceeds == pytest.approx(980.0)
    assert strategies(american.found) == ["long box"]
    assert european.net_of_proceeds == pytest.approx(500.0)


def test_parts_of_a_book_do_not_mix():
    """Two underlyings and two exercise styles require what they require apart."""
    one = ("c", 1, 100, 3.0)
    other = ("c", -1, 105, 1.0)
    apart = capital(book(other), RULES, marginals=False).requirement + 300.0
    for differently in ({"underlying": "MSFT"}, {"american": False}):
        legs = book((*one, differently), other)
        assert capital(legs, RULES, marginals=False).requirement == pytest.approx(apart)


def test_the_solver_waits_until_it_is_asked():
    """Other commands import this room too."""
    code = "import sys, flatbook.margin.reg_t; sys.exit('highspy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_another_solver_of_the_process_may_use_any_number_of_threads(threads):
    """HiGHS keeps the count that the first one had, and refuses to run with another."""
    highspy.Highs.resetGlobalScheduler(True)
    other = highspy.Highs()
    other.silent()
    other.setOptionValue("threads", threads)
    other.addVar(2.0, 10.0)
    assert other.run() == highspy.HighsStatus.kOk
    assert capital(book(("c", 1, 100, 3.0), ("c", -1, 105, 1.0)), RULES).requirement == pytest.approx(300.0)


def test_contracts_of_two_sizes_share_a_spread():
    """Ten small contracts stand against a large one; nine do not, and a large one that is spread needs whole small ones."""
    small = {"multiplier": 10.0}
    ten = capital(book(("c", 10, 100, 3.0, small), ("c", -1, 105, 1.0)), RULES)
    assert ten.requirement == pytest.approx(300.0)
    alone = 100.0 + 1500.0
    nine = capital(book(("c", 9, 100, 3.0, small), ("c", -1, 105, 1.0)), RULES)
    assert nine.requirement == pytest.approx(270.0 + alone)
    mixed = capital(book(("c", 7, 100, 3.0, small), ("c", 2, 100, 3.0), ("c", -3, 105, 1.0)), RULES)
    assert mixed.requirement == pytest.approx(210.0 + 600.0 + alone)


@pytest.mark.parametrize("column", ["vol", "rate"])
def test_one_series_priced_by_two_vols_or_rates_is_a_fault_in_any_order(column):
    """Which row comes first must not set the requirement."""
    rows = [("c", -5, 105, {"price": np.nan, "vol": 0.2}), ("c", -5, 105, {"price": np.nan, "vol": 0.2})]
    legs = book(*rows)
    for numbers in ((0.2, 0.6), (0.6, 0.2)):
        with pytest.raises(FaultsError) as told:
            capital(replace(legs, **{column: np.array(numbers)}), RULES)
        (fault,) = told.value.faults
        assert fault.where == f"book.csv line 3 column {column}"
        assert fault.expected == f"{numbers[0]:g}, as book.csv line 2 says of the same"
    priced = replace(legs, price=np.array([2.0, 2.0]), **{column: np.array([0.2, 0.6])})
    assert capital(priced, RULES).requirement > 0.0  # nothing rests on them beside a price


def test_a_price_and_a_vol_of_one_series_are_two_prices():
    """One row says a price, the other leaves it to the model."""
    legs = book(("c", -5, 105, 2.0), ("c", -5, 105, {"price": np.nan, "vol": 0.2}))
    with pytest.raises(FaultsError) as told:
        capital(legs, RULES)
    assert (told.value.faults[0].found, told.value.faults[0].where) == (
        "nothing",
        "book.csv line 3 column price",
    )


_INDEX = {"product_class": "broad-index", "american": False, "underlying": "SPX", "spot": 2950.0}
_TENTH = _INDEX | {"underlying": "XSP"}


def test_an_index_and_its_tenth_at_levels_of_two_markets_are_a_fault():
    """They spread with each other; the rounding of a tenth to cents is none."""
    full = ("c", -1, 3000, 30.0, _INDEX)
    assert capital(book(full, ("c", 10, 300, 3.0, _TENTH | {"spot": 295.01})), RULES).requirement > 0.0
    with pytest.raises(FaultsError) as told:
        capital(book(full, ("c", 10, 300, 101.0, _TENTH | {"spot": 400.0})), RULES)
    (fault,) = told.value.faults
    assert fault.where == "book.csv line 3 column underlying_price"
    assert fault.expected == "about 295: book.csv line 2 has SPX at 2950"


def test_a_series_against_its_tenth_is_no_calendar_spread():
    """Same expiry, same exercise price."""
    rows = (("c", -1, 3000, 30.0, _INDEX), ("c", 10, 300, 3.0, _TENTH | {"spot": 295.0}))
    assert strategies(capital(book(*rows), RULES).found) == ["call spread of one exercise price"]
    later = (*rows[1][:4], rows[1][4] | {"years": 0.5})
    assert strategies(capital(book(rows[0], later), RULES).found) == ["call calendar spread"]
