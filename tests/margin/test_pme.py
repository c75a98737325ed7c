"""Deribit's portfolio margin against its own published answers, and against plain loops.

The docs' answer: docs.deribit.com/api-reference/account-management/private-simulate. The ETH answer: a public capture of
production, 2026-02-15. Numbers below are printed there.
"""

import json

import msgspec
import numpy as np
import pytest

from flatbook.margin.pme import capital
from flatbook.margin.pme_cells import books_of
from flatbook.margin.pme_parameters import AccountTerms
from flatbook.model.errors import FaultsError, InvalidValueError
from flatbook.model.terms import Parameters
from tests.margin.pme_books import dederi, legs_of, parameters
from tests.naive import pme as naive

DOCS_LEGS = (
    {"underlying_price": 65666.19, "quantity": 0.314538364, "price": 65910.57},
    {"underlying_price": 65666.19, "quantity": -0.001187534, "price": 67371.75, "years": 10.6 / 365},
)
DOCS_PERPETUAL = (
    -0.05991206933333334, -0.04289159509090909, -0.027351162086956524, -0.013105765166666668, 0.0,
    0.012097629384615385, 0.023299138074074074, 0.033700538999999995, 0.043384601931034494,
)  # fmt: skip
DOCS_FUTURE = (
    0.0002261969523809524, 0.00016193645454545456, 0.00010326382608695652, 0.00004948058333333334, 0.0,
    -0.00004567438461538462, -0.00008796548148148148, -0.0001272357857142857, -0.00016379779310344832,
)  # fmt: skip
ETH_PERPETUAL = (
    0.21939959699999997, 0.155989308849711, 0.09885036787912087, 0.04709624857068063, 0.0,
    -0.04304011233014354, -0.08252645391743119, -0.11888171996035243, -0.15246412672881357,
)  # fmt: skip
ETH_OFFSET = (0.13163975819999998, 0.09359358530982659, 0.05931022072747252, 0.028257749142408375, 0.0)


def with_account(terms, **inputs):
    return msgspec.structs.replace(terms, accounts={"desk": {"BTC": AccountTerms(**inputs)}})


def pair_of(found, currency="BTC", pair="BTC"):
    return found.found["currencies"][currency]["pairs"][pair]


def near(expected, relative=1e-14):
    return pytest.approx(np.array(expected), rel=relative, abs=1e-16)


def test_the_vectors_of_the_docs_example():
    """Every printed cell of both instruments, to fourteen digits."""
    (book,) = books_of(legs_of(DOCS_LEGS), parameters())
    vectors = book.quantity[:, None] * book.cells

    for vector, standard in zip(vectors, (DOCS_PERPETUAL, DOCS_FUTURE), strict=True):
        assert vector[:27] == near(np.repeat(standard, 3))
        assert vector[27:] == near([standard[0]] * 2 + [standard[-1]] * 6)


def test_the_margins_of_the_docs_example():
    """Worst case, its bucket, roll shock, risk matrix, maintenance, market-maker protection, open orders, initial."""
    terms = with_account(parameters(), mmp_quantity=2.0, open_orders_margin=0.000018212)
    found = capital(legs_of(DOCS_LEGS), terms)
    pair, currency = pair_of(found), found.found["currencies"]["BTC"]

    assert pair["aggregated"]["standard"] == near(
        np.repeat(
            [-0.05968587238095239, -0.04272965863636364, -0.02724789826086957, -0.013056284583333334] + [0] * 5, 3
        ),

    )  # fmt: skip
    assert pair["aggregated"]["extended"] == [0.0] * 8
    assert pair["worst_case"] == near(0.05968587238095239)
    bucket = pair["worst_case_bucket"]
    assert (bucket["index"], bucket["bucket"], bucket["side"], bucket["source"]) == (1, 1, "left", "standard")
    assert pair["roll_shock"] == near(0.00315725898)
    assert pair["delta_shock"] == 0.0
    printed = (
        round(pair["worst_case"], 9) + pair["roll_shock"]
    )  # the venue rounds the worst case before it adds
    assert printed == near(0.06284313098)
    assert 0.8 * printed == near(0.050274504784)
    assert currency["risk_matrix_margin"] == pytest.approx(0.06284313098, abs=5e-10)
    assert found.maintenance == pytest.approx(0.050274504784, abs=5e-10)
    assert currency["mmp_margin"] == near(0.06)
    assert currency["open_orders_margin"] == 0.000018212
    assert found.initial == pytest.approx(0.122861343, abs=1e-9)
    assert found.currency == "BTC"
    assert found.requirement == found.initial
    assert found.found["requirement_usd"] == near(65666.19 * found.initial)


def test_the_eth_capture_with_its_offset():
    """Gains count 0.6 and the worst bucket is the ninth, index 25."""
    found = capital(
        legs_of([{"underlying": "ETH", "underlying_price": 1949.34, "quantity": -0.999487053}]), parameters()
    )
    pair = pair_of(found, "ETH", "ETH")

    assert pair["pre_aggregated"]["standard"] == near(np.repeat(ETH_PERPETUAL, 3))
    assert pair["pre_aggregated"]["extended"] == near([ETH_PERPETUAL[0]] * 2 + [ETH_PERPETUAL[-1]] * 6)
    assert pair["aggregated"]["standard"] == near(np.repeat(ETH_OFFSET + ETH_PERPETUAL[5:], 3))
    assert pair["aggregated"]["extended"] == [0.0] * 8
    assert pair["worst_case"] == near(0.15246412672881357)
    bucket = pair["worst_case_bucket"]
    assert (bucket["index"], bucket["bucket"], bucket["side"]) == (25, 9, "right")
    assert pair["roll_shock"] == near(0.004997435265)
    assert found.initial == pytest.approx(0.157461562, abs=5e-10)
    printed = (
        round(pair["worst_case"], 9) + pair["roll_shock"]
    )  # the venue rounds the worst case before it adds
    assert printed == near(0.157461562265)
    assert 0.8 * printed == near(0.125969249812)
    assert found.maintenance == pytest.approx(0.125969249812, abs=5e-10)


def test_market_maker_protection_reserves_three_percent_of_its_quote_quantity():
    """2 coins of maximum quote quantity reserve 0.06."""
    bare = capital(legs_of(DOCS_LEGS), parameters())
    protected = capital(legs_of(DOCS_LEGS), with_account(parameters(), mmp_quantity=2.0))

    assert protected.initial - bare.initial == pytest.approx(0.06, rel=1e-13)
    assert protected.maintenance == bare.maintenance


def test_dederi_futures():
    """10 ETH futures at 2253.2: 3380 a side in steps of 676, and 134.6 of contingency; as printed in its wiki."""
    forward = 2243.3 * np.exp(0.08 * 20 / 365)
    row = {"underlying": "ETH_USDC", "underlying_price": 2243.3, "quantity": 10.0, "years": 20 / 365,
           "price": forward}  # fmt: skip
    found = capital(legs_of([row]), dederi())
    pair = pair_of(found, "USDC", "ETH")
    cells = np.array(pair["aggregated"]["standard"])

    assert forward == pytest.approx(2253.2, abs=0.05)
    assert cells.reshape(11, 3).T.tolist() == [cells[::3].tolist()] * 3
    assert cells[::3] == pytest.approx(676.0 * np.arange(-5, 6), abs=0.5)
    assert pair["futures_contingency"] == pytest.approx(134.6, abs=0.05)
    assert found.initial == pytest.approx(3379.8 + 134.6, abs=0.1)
    assert np.isnan(found.maintenance)
    assert "the maintenance factor is not known: no maintenance margin" in found.notes


def test_an_unknown_volatility_shock_leaves_options_without_requirement():
    """What Dederi does not publish is NaN with the row, never 0."""
    option = {"underlying": "ETH_USDC", "underlying_price": 2243.3, "kind": "call", "strike": 2300.0,
              "years": 0.1, "vol": 0.6, "quantity": -1.0}  # fmt: skip
    found = capital(legs_of([option]), dederi())

    assert np.isnan(found.requirement)
    assert any(note.startswith("row 1: no requirement") for note in found.notes)


def random_rows(seed, count):
    rng = np.random.default_rng(seed)
    rows = []
    for kind in rng.choice(["call", "put", "future"], size=count, p=[0.45, 0.45, 0.1]):
        years = rng.choice([0.0005, 0.004, 0.05, 0.08, 0.3, 1.2])
        row = {"kind": kind, "years": years, "quantity": round(rng.normal(0, 30), 1), "multiplier": 0.1,
               "underlying_price": 65_000.0 * (1 + 0.06 * years)}  # fmt: skip
        if kind != "future":
            row |= {"strike": round(65_000 * np.exp(rng.normal(0, 0.35)), -2), "vol": rng.uniform(0.3, 2.0)}
        rows.append(row)
    return rows


@pytest.mark.parametrize("seed", range(12))
def test_option_books_agree_with_plain_loops(seed):
    """Every cell and every part, to 1e-10 of the book's gross size in coin."""
    rows, terms = random_rows(seed, 40), parameters()
    found = pair_of(capital(legs_of(rows), terms))
    twins = [
        {"kind": row["kind"], "forward": row["underlying_price"], "strike": row.get("strike"),
         "years": row["years"], "vol": row.get("vol"), "coins": row["quantity"] * row["multiplier"]}
        for row in rows
    ]  # fmt: skip
    for leg in twins:
        if leg["kind"] != "future":
            leg["mark"] = naive.black(*(leg[key] for key in ("kind", "forward", "strike", "years", "vol")))
            leg["mark"] /= leg["forward"]
    venue = msgspec.to_builtins(terms.pairs["BTC"]) | msgspec.to_builtins(terms.currencies["BTC"])
    index = min(rows, key=lambda row: row["years"])["underlying_price"]
    gross = sum(abs(leg["coins"]) for leg in twins)

    def close(value):
        return pytest.approx(value, abs=1e-10 * gross)

    standard, extended = naive.risk_matrix(twins, venue, index)
    assert found["aggregated"]["standard"] == close(standard)
    assert found["aggregated"]["extended"] == close(extended)
    worst, roll, shock = naive.risk_matrix_margin(twins, venue, index)
    assert (found["worst_case"], found["roll_shock"], found["delta_shock"]) == close((worst, roll, shock))


def test_far_short_options_are_found_by_the_extended_table():
    """A wide short strangle whose standard cells lose little needs what the moves beyond the range cost it."""
    rows = [
        {"kind": kind, "strike": strike, "years": 0.05, "vol": 0.6, "quantity": -2000.0}
        for kind, strike in (("call", 120_000.0), ("put", 30_000.0))
    ]
    found = capital(legs_of(rows), parameters())
    pair = pair_of(found)

    assert pair["worst_case_bucket"]["source"] == "extended"
    assert pair["worst_case"] > -min(pair["aggregated"]["standard"])
    assert any("dampener" in note for note in found.notes)


def test_a_large_delta_costs_more_only_beyond_the_threshold():
    """0 at USD 20m of delta; beyond, a share that never passes the largest; and the note says it is unverified."""
    coins = 20e6 / 65_000.0
    shocks = [
        capital(legs_of([{"quantity": quantity}]), parameters())
        for quantity in (coins, -coins - 100.0, 100 * coins)
    ]
    below, beyond, most = (pair_of(one)["delta_shock"] for one in shocks)

    assert below == 0.0
    assert beyond == pytest.approx((coins + 100.0) * 100.0 * 0.00005, rel=1e-12)
    assert most == pytest.approx(0.1 * 100 * coins, rel=1e-12)
    assert ["delta shock" in " ".join(one.notes) for one in shocks] == [False, True, True]


def test_coins_of_different_kinds_are_never_summed():
    """An account of BTC and ETH needs USD, with the parts in coin beside; each part as the account of it alone."""
    rows = [{"quantity": 2.0}, {"underlying": "ETH", "underlying_price": 2000.0, "quantity": -30.0}]
    both = capital(legs_of(rows), parameters())
    alone = [capital(legs_of([row]), parameters()) for row in rows]

    assert (both.currency, alone[0].currency, alone[1].currency) == ("USD", "BTC", "ETH")
    parts = both.found["currencies"]
    assert [parts[name]["initial_margin"] for name in ("BTC", "ETH")] == [one.initial for one in alone]
    expected = 65_000.0 * alone[0].initial + 2000.0 * alone[1].initial
    assert both.requirement == pytest.approx(expected, rel=1e-14)
    assert both.found["requirement_usd"] == pytest.approx(expected, rel=1e-14)
    usd = np.array([65_000.0 * alone[0].marginal_buy[0], 2000.0 * alone[1].marginal_buy[0]])
    assert both.marginal_buy == pytest.approx(usd, rel=1e-12)


def test_a_reserve_in_a_coin_without_legs_leaves_usd_unknown():
    """Nothing tells its price: NaN and a note, not 0."""
    terms = msgspec.structs.replace(parameters(), accounts={"desk": {"ETH": AccountTerms(spot_margin=1.0)}})
    found = capital(legs_of([{"quantity": 2.0}]), terms)

    assert np.isnan(found.requirement)
    assert found.found["currencies"]["ETH"]["initial_margin"] == 1.0
    assert any("the price of ETH" in note for note in found.notes)


def test_linear_legs_are_margined_in_their_dollar():
    """One coin of a USDC perpetual loses the price range at its mark, and rolls at the rate of USD."""
    found = capital(legs_of([{"underlying": "BTC_USDC", "price": 65_100.0}]), parameters())

    assert found.currency == "USDC"
    assert found.requirement == pytest.approx(65_100.0 * (0.16 + 0.01), rel=1e-13)
    assert found.found["requirement_usd"] == found.requirement
    call = {"kind": "call", "underlying": "BTC_USDC", "strike": 65_000.0, "years": 0.1, "vol": 0.5}
    option = pair_of(capital(legs_of([call]), parameters()), "USDC")
    value = naive.black("call", 65_000.0, 65_000.0, 0.1, 0.5)
    down = naive.black("call", 65_000.0 * 0.84, 65_000.0, 0.1, 0.5 * (1 - 0.25 * (30 / 36.5) ** 0.13))
    assert option["worst_case"] == pytest.approx(value - down, rel=1e-10)


def test_carry_and_marks_do_not_move_the_coin_value_of_a_forward():
    """An index with a carry to the forward, and that forward itself, are the same option."""
    option = {"kind": "put", "strike": 60_000.0, "years": 0.5, "vol": 0.7, "quantity": -3.0}
    carried = legs_of([option | {"rate": 0.08, "dividend_yield": 0.01}])
    forward = 65_000.0 * np.exp(0.07 * 0.5)

    at_index = pair_of(capital(carried, parameters()))
    at_forward = pair_of(capital(legs_of([option | {"underlying_price": forward}]), parameters()))

    assert at_index["pre_aggregated"]["standard"] == pytest.approx(
        at_forward["pre_aggregated"]["standard"], rel=1e-13, abs=1e-13
    )


def test_profit_starts_from_the_mark_that_is_given():
    """A price that implies no volatility still is the mark: the middle cell is value less mark, and a note tells it."""
    call = {"kind": "call", "strike": 40_000.0, "years": 0.1, "price": 0.38, "quantity": -1.0}
    found = capital(legs_of([call]), parameters())
    middle = pair_of(found)["pre_aggregated"]["standard"][13]

    assert middle == pytest.approx(0.38 - 25.0 / 65.0, abs=1e-12)
    assert any("no volatility to speak of" in note for note in found.notes)


def test_an_unpriced_leg_is_unknown_unless_nothing_is_held_of_it():
    """NaN with the row where it is held; NaN only in its own marginals where it is a candidate."""
    good, bad = {"quantity": 1.0}, {"kind": "call", "strike": 60_000.0, "years": 0.1, "price": 1.5}
    held = capital(legs_of([good, bad]), parameters())
    candidate = capital(legs_of([good, bad | {"quantity": 0.0}]), parameters())

    assert np.isnan(held.requirement)
    assert any(note.startswith("row 2: no requirement") for note in held.notes)
    assert candidate.requirement == capital(legs_of([good]), parameters()).requirement
    assert np.isnan(candidate.marginal_buy).tolist() == [False, True]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"underlying": "DOGE"}, "row 2 column underlying: found DOGE"),
        ({"underlying": "BTC_EUR"}, "row 2 column underlying: found BTC_EUR"),
        ({"underlying": "ETH_BTC"}, "row 2 column underlying: found ETH_BTC"),
        ({"kind": "stock"}, "row 2 column right: found stock"),
        (
            {"kind": "put", "strike": 1.0, "vol": 0.5, "american": True},
            "row 2 column exercise: found american",
        ),
        ({"product_class": "equity"}, "row 2 column product_class: found equity"),
        ({"underlying_price": -1.0}, "row 2 column underlying_price: found -1"),
        ({"kind": "put", "strike": 60_000.0}, "row 2 column price: found nothing"),
    ],
)
def test_a_leg_without_a_rule_names_its_row(row, said):
    """Refused, all rows at once."""
    if row.get("product_class"):
        row = row | {"product_class": type(legs_of([{}]).product_class[0])(row["product_class"])}

    with pytest.raises(FaultsError, match="row 2") as caught:
        capital(legs_of([{}, row]), parameters())

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[pairs.BTC]\nprice_range = 1.5", "price_range must be between"),
        ("[general]\nextended_moves = [-1.0]", "extended_moves must be above -1"),
        ("[currencies.BTC]\npnl_offset = nan", "pnl_offset must be between"),
        ("[accounts.desk.BTC]\nmmp_quantity = -1.0", "mmp_quantity must be between"),
        ("[pairs.BTC]\nprice_rnge = 0.2", "price_rnge"),
        ("[pairs.SOL]\nprice_range = 0.2", "volatility_range_up"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(tmp_path, text, said):
    """As the file says it."""
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises((FaultsError, InvalidValueError), match=said):
        parameters(path)


def test_what_is_found_can_be_written_as_json():
    """Plain numbers and lists only."""
    found = capital(legs_of(random_rows(3, 10)), parameters()).found

    assert json.loads(json.dumps(found)) == found
    assert isinstance(parameters(), Parameters)


def test_assumptions_are_told_only_where_they_bear_on_the_book():
    """A small perpetual has none; options near 30 days, and within the day, have theirs."""
    assert capital(legs_of([{"quantity": 1.0}]), parameters()).notes == ()
    option = {"kind": "call", "strike": 70_000.0, "vol": 0.6, "quantity": -1.0}

    def notes(days):
        return " ".join(capital(legs_of([option | {"years": days / 365}]), parameters()).notes)

    assert "power" in notes(30.4)
    assert "power" not in notes(20.0)
    assert "floor under days" in notes(0.4)
    assert "floor under days" not in notes(1.5)
    assert "compounded" in notes(200.0)
    assert "compounded" not in notes(20.0)
    two = capital(
        legs_of([{"quantity": 1.0}, {"underlying": "ETH", "underlying_price": 2000.0}]), parameters()
    )
    assert "correlation contingency" in " ".join(two.notes)


def test_names_of_currencies_are_read_in_any_case():
    """As underlyings are; the same one twice is refused."""
    lower = msgspec.structs.replace(parameters(), accounts={"desk": {"btc": AccountTerms(mmp_quantity=2.0)}})

    assert capital(legs_of(DOCS_LEGS), lower).requirement == pytest.approx(
        capital(legs_of(DOCS_LEGS), with_account(parameters(), mmp_quantity=2.0)).requirement, rel=1e-15
    )
    with pytest.raises(InvalidValueError, match="names a settlement currency twice: btc, BTC"):
        msgspec.structs.replace(
            parameters(), accounts={"desk": {"btc": AccountTerms(), "BTC": AccountTerms()}}
        )


_TWO_COINS = ({"underlying": "BTC_USDC"}, {"underlying": "ETH_USDC", "underlying_price": 3000.0})


@pytest.mark.parametrize(
    ("rows", "quantity", "reserved"),
    [
        (_TWO_COINS[:1], 2.0, 0.03 * 2.0 * 65_000.0),
        (_TWO_COINS[:1], {"btc": 2.0}, 0.03 * 2.0 * 65_000.0),
        (_TWO_COINS, {"BTC": 2.0, "ETH": 10.0}, 0.03 * (2.0 * 65_000.0 + 10.0 * 3000.0)),
        (_TWO_COINS[:1], {"ETH": 10.0}, np.nan),
    ],
    ids=["the only coin", "named", "two coins", "a coin without a price"],
)
def test_protection_in_a_dollar_account_reserves_coins_at_their_index(rows, quantity, reserved):
    """The quantity is in coin whatever it settles in; how it becomes dollars is told as unverified."""
    terms = msgspec.structs.replace(
        parameters(), accounts={"desk": {"USDC": AccountTerms(mmp_quantity=quantity)}}
    )
    found, without = capital(legs_of(rows), terms), capital(legs_of(rows), parameters())

    assert found.found["currencies"]["USDC"]["mmp_margin"] == pytest.approx(reserved, nan_ok=True)
    assert found.requirement - without.requirement == pytest.approx(reserved, nan_ok=True)
    words = "no leg tells the price of a coin" if np.isnan(reserved) else "the index is unverified"
    assert any(words in note for note in found.notes)


@pytest.mark.parametrize("rows", [_TWO_COINS, DOCS_LEGS], ids=["two coins", "none"])
def test_a_number_of_coins_without_a_coin_is_a_fault(rows):
    """Two coins settle in the dollar, or none does: nothing says which is quoted."""
    terms = msgspec.structs.replace(parameters(), accounts={"desk": {"USDC": AccountTerms(mmp_quantity=2.0)}})
    with pytest.raises(FaultsError) as told:
        capital(legs_of(rows), terms)
    (fault,) = told.value.faults
    assert fault.where == "parameters [accounts.desk.USDC] mmp_quantity"
    assert fault.action == "write mmp_quantity = { BTC = 2 }"


@pytest.mark.parametrize(("price", "years"), [(64_000.0, 0.0), (30_000.0, 0.0), (66_000.0, 0.05 + 4e-7)])
def test_a_candidate_changes_no_requirement(price, years):
    """Not by its index, though it expires first, nor by its seconds in an expiry that is held."""
    held = (
        {"kind": "call", "strike": 200_000.0, "years": 0.05, "vol": 0.6, "quantity": -1000.0},
        {"years": 0.05, "price": 65_000.0},
    )
    candidate = {"underlying_price": price, "price": price, "years": years, "quantity": 0.0}

    found = capital(legs_of((*held, candidate)), parameters())
    assert found.requirement == capital(legs_of(held), parameters()).requirement
    assert found.marginal_buy[:2].tolist() == capital(legs_of(held), parameters()).marginal_buy.tolist()


def test_a_candidate_without_a_value_loses_its_marginals_alone_and_says_so():
    """No words of a requirement that is missing, while it stands."""
    held = {"kind": "call", "strike": 70_000.0, "years": 0.2, "price": 0.05, "quantity": -1.0}
    found = capital(legs_of((held, held | {"strike": 90_000.0, "price": 1.5, "quantity": 0.0})), parameters())

    assert np.isfinite(found.requirement)
    (note,) = [one for one in found.notes if one.startswith("row 2")]
    assert note.endswith("; what one contract more would change cannot be told")
    assert not any("no requirement" in one for one in found.notes)
