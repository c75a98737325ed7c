"""Laws of Deribit's portfolio margin, for accounts that nobody thought of; and on a real chain."""

import csv
import os
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.margin.pme import capital
from flatbook.margin.pme_cells import books_of, scenarios_of
from tests.margin.pme_books import legs_of, parameters

DATA = Path(os.environ.get("FLATBOOK_DATA", Path(__file__).parents[3] / "shared" / "data"))
CHAIN = DATA / "deribit-chain-crash-202602"
PRICES = {"BTC": 65_000.0, "ETH": 2_000.0, "BTC_USDC": 65_000.0, "ETH_USDC": 2_000.0}
TERMS = parameters()


@st.composite
def legs(draw, underlyings=tuple(PRICES), kinds=("call", "put", "future")):
    underlying, kind = draw(st.sampled_from(underlyings)), draw(st.sampled_from(kinds))
    row = {
        "underlying": underlying,
        "underlying_price": PRICES[underlying],
        "kind": kind,
        "years": draw(st.sampled_from([0.001, 0.03, 0.0822, 0.3, 1.5])),
        "quantity": float(draw(st.integers(-400, 400))),
    }
    if kind != "future":
        row["strike"] = PRICES[underlying] * draw(st.sampled_from([0.4, 0.8, 0.97, 1.0, 1.1, 1.6, 4.0]))
        row["vol"] = draw(st.floats(0.2, 2.5))
    return row


books = st.lists(legs(), min_size=1, max_size=6)


def gross(rows):
    """Of the book, in the unit of its requirement: what rounding is measured by."""
    usd = {row["underlying"].partition("_")[2] or row["underlying"] for row in rows}
    in_coin = len(usd) == 1 and "_" not in rows[0]["underlying"]
    return sum((abs(row["quantity"]) + 1.0) * (1.0 if in_coin else row["underlying_price"]) for row in rows)


def same(one, other, rows):
    return one == pytest.approx(other, rel=1e-12, abs=1e-13 * gross(rows))


@given(books, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_order_and_splitting_of_legs_change_nothing(rows, random):
    """Nor does writing the same leg twice with the two parts of its quantity."""
    whole = capital(legs_of(rows), TERMS)
    parts = [row | {"quantity": row["quantity"] + 7.0} for row in rows] + [
        row | {"quantity": -7.0} for row in rows
    ]
    random.shuffle(parts)
    found = capital(legs_of(parts), TERMS)

    assert same(found.requirement, whole.requirement, parts)
    assert same(found.maintenance, whole.maintenance, parts)


@given(books)
@settings(max_examples=40)
def test_a_marginal_is_the_difference_of_two_full_runs(rows):
    """Bought and sold, for every leg."""
    base = capital(legs_of(rows), TERMS)

    for row, leg in enumerate(rows):
        for side, marginal in ((1.0, base.marginal_buy), (-1.0, base.marginal_sell)):
            more = [*rows[:row], leg | {"quantity": leg["quantity"] + side}, *rows[row + 1 :]]
            assert same(capital(legs_of(more), TERMS).requirement - base.requirement, marginal[row], rows)


@given(books)
@settings(max_examples=40)
def test_offsets_never_ask_for_more(rows):
    """An account needs no more than its legs in accounts of their own, but for the delta shock of a large delta."""
    together = capital(legs_of(rows), TERMS)
    alone = sum(capital(legs_of([row]), TERMS).found["requirement_usd"] for row in rows)
    shock = sum(
        part["index_price"] * pair["delta_shock"]
        for part in together.found["currencies"].values()
        for pair in part["pairs"].values()
    )

    usd = sum((abs(row["quantity"]) + 1.0) * row["underlying_price"] for row in rows)
    assert together.found["requirement_usd"] - shock <= alone + 1e-12 * usd + _dampened(rows)


def _dampened(rows):
    """What the dampener takes from each leg alone but only once from all together, at most, in USD."""
    most = 0.0
    for book in books_of(legs_of(rows), TERMS):
        unit = book.index if book.inverse else 1.0
        most += (len(book.rows) - 1) * unit * float(book.scenarios.dampener.max())
    return most


@given(legs(kinds=("call", "put")), st.floats(1.0, 500.0))
@settings(max_examples=80)
def test_a_long_option_needs_at_most_its_value_and_its_shocks(row, quantity):
    """Worst case <= market value, so initial margin <= value + roll shock + delta shock, with no account terms."""
    found = capital(legs_of([row | {"quantity": quantity}]), TERMS)
    (book,) = books_of(legs_of([row | {"quantity": quantity}]), TERMS)
    value = quantity * book.marked.price[0] / (row["underlying_price"] if book.inverse else 1.0)
    (pair,) = found.found["currencies"][book.currency]["pairs"].values()

    assert pair["worst_case"] <= value * (1 + 1e-12) + 1e-12 * quantity * book.index
    assert found.initial <= (value + pair["roll_shock"] + pair["delta_shock"]) * (1 + 1e-9) + 1e-9
    assert pair["roll_shock"] <= abs(quantity * book.delta[0]) * max(0.01, 0.1 * row["years"]) * (1 + 1e-12)


def test_extended_profits_are_never_stretched():
    """The factor of every extended move is at most 1: what the law above rests on. A linear leg has its edge's profit."""
    for pair, currency, inverse in (("BTC", "BTC", True), ("ETH", "ETH", True), ("BTC", "USD", False)):
        terms = TERMS.pairs[pair]
        found = scenarios_of(TERMS.general, terms, TERMS.currencies[currency], index=1.0, inverse=inverse)
        move, factor = found.move[27:], found.factor[27:]
        profit = 1.0 - 1.0 / (1.0 + move) if inverse else move
        edge = np.sign(move) * terms.price_range
        assert (factor <= 1.0).all()
        assert factor * profit == pytest.approx(1.0 - 1.0 / (1.0 + edge) if inverse else edge, rel=1e-12)


def real_rows(limit=None):
    """The last snapshot's BTC options at their own marks, on the future of each expiry."""
    file = max(CHAIN.glob("*.csv"))
    rows = []
    with file.open(encoding="utf-8", newline="") as text:
        for line in csv.DictReader(text):
            if line["currency"] != "BTC" or "_" in line["instrument_name"].split("-")[0]:
                continue
            left = datetime.fromisoformat(line["expiry_datetime"]) - datetime.fromisoformat(line["timestamp"])
            rows.append(
                {"kind": line["option_type"], "strike": float(line["strike"]),
                 "years": left.total_seconds() / (365 * 86_400), "price": float(line["mark_price"]),
                 "vol": float(line["implied_volatility"]), "underlying_price": float(line["futures_price"]),
                 "quantity": float(line["open_interest"] or 0.0)}
            )  # fmt: skip
    return rows[:limit]


@pytest.mark.market_data
@pytest.mark.skipif(not CHAIN.is_dir(), reason=f"no real chain at {CHAIN}")
def test_a_real_chain_has_a_requirement_and_marginals_for_every_series():
    """Marks and volatilities of the venue agree to what its rounding leaves, and every marginal is a full difference."""
    rows = real_rows()
    for number, row in enumerate(rows):
        row["quantity"] *= 0.1 * (-1.0) ** number
    book = legs_of(rows)
    found = capital(book, TERMS)
    (cells,) = books_of(book, TERMS)
    middle = np.abs(cells.cells[:, 13])

    assert len(rows) > 500
    assert np.isfinite([found.requirement, found.maintenance]).all()
    assert np.isfinite(found.marginal_buy).all()
    assert np.isfinite(found.marginal_sell).all()
    assert not any("no requirement" in note for note in found.notes)
    assert np.quantile(middle, 0.99) < 1e-6
    for row in range(0, len(rows), 97):
        more = [*rows[:row], rows[row] | {"quantity": rows[row]["quantity"] + 1.0}, *rows[row + 1 :]]
        step = capital(legs_of(more), TERMS).requirement - found.requirement
        assert step == pytest.approx(found.marginal_buy[row], abs=1e-11)


def test_a_thousand_legs_are_margined_in_milliseconds():
    """Within 20 ms warm, with a wide margin here for a busy machine: what it must never become is a loop."""
    rng = np.random.default_rng(7)
    rows = [
        {"kind": "call" if sign else "put", "strike": strike, "years": years, "vol": 0.6, "quantity": quantity}
        for sign, strike, years, quantity in zip(
            rng.random(1000) < 0.5, rng.uniform(3e4, 1.2e5, 1000), rng.choice([0.02, 0.1, 0.5], 1000),
            rng.normal(0, 5, 1000), strict=True,
        )
    ]  # fmt: skip
    book = legs_of(rows)
    capital(book, TERMS)
    taken = []
    for _ in range(10):
        start = time.perf_counter()
        capital(book, TERMS)
        taken.append(time.perf_counter() - start)

    assert min(taken) < 0.1
