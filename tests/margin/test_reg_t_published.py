"""Strategy margin against published worked examples.

Sources, by the name each case carries:
table: Cboe, "Margin Requirements Examples for Sample Options-based Positions" (close of 23 February 2007): figures are after
    the proceeds of sales; option prices as printed there.
manual N: Cboe Margin Manual, sample calculations on page N, as carried in two public test suites that cite them
    (`toolkit.cboe_margin`, tastyware/margin-estimator): figures are before the proceeds, and those for hedged stock are
    maintenance without the price of the option.
tastytrade: help.tastyworks.com, margin requirement articles on naked calls, strangles, butterflies and iron condors.
mcmillan: L. McMillan, "Options as a Strategic Investment", chapter 4, short sale protected by a call.
"""

import numpy as np
import pytest

from flatbook.margin.reg_t import capital
from flatbook.margin.reg_t_parameters import Account, with_account
from tests.margin.reg_t_books import RULES, book, strategies

_IBM = {"underlying": "IBM", "spot": 97.73}
_SPX = {"underlying": "SPX", "spot": 1451.19, "product_class": "broad-index", "american": False}
_SPY = {"underlying": "SPY", "spot": 145.30, "product_class": "broad-index"}
_CASH = with_account(RULES, Account.CASH)


def _of(legs, rules=RULES):
    return capital(legs, rules, marginals=False)


@pytest.mark.parametrize(
    ("net", "rows", "usual"),
    [
        (172_760, [("c", -100, 100, 1.68)], _IBM),
        (195_460, [("p", -100, 100, 3.18)], _IBM),
        (471_850, [("s", 10_000), ("c", -100, 100, 1.68)], _IBM),
        (498_850, [("s", 10_000), ("p", 100, 95, 1.02)], _IBM),
        (212_260, [("c", 100, 100, 1.68), ("p", -100, 100, 3.18)], _IBM),
        (132_960, [("p", 100, 95, 1.02), ("c", -100, 105, 0.40)], _IBM),
        (494_850, [("s", 10_000), ("p", 100, 95, 1.02), ("c", -100, 105, 0.40)], _IBM),
        (41_300, [("c", 100, 95, 4.53), ("c", -100, 105, 0.40)], _IBM),
        (2_088_685, [("c", -100, 1460, 21.66)], _SPX),
        (2_176_785, [("p", -100, 1460, 22.55)], _SPX),
        (216_100, [("c", 100, 1450, 27.57), ("c", -100, 1500, 5.96)], _SPX),
        (462_900, [("c", 100, 1450, 27.57), ("p", 100, 1450, 18.72)], _SPX),
        (2_393_385, [("c", 100, 1460, 21.66), ("p", -100, 1460, 22.55)], _SPX),
        (7_048_400, [("s", 100_000, _SPY), ("c", -100, 1460, 21.66)], _SPX),
        (7_392_600, [("s", 100_000, _SPY), ("p", 100, 1450, 18.72), ("c", -100, 1500, 5.96)], _SPX),
    ],
)
def test_table(net, rows, usual):
    """Every figure of the table, after proceeds; before them the market value of what is short comes on top."""
    found = _of(book(*rows, **usual))
    assert found.net_of_proceeds == pytest.approx(net, abs=0.01)
    short = sum(-row[1] * 100 * row[3] for row in rows if row[1] < 0)
    assert found.requirement == pytest.approx(net + short, abs=0.01)
    assert found.initial == found.requirement


def test_table_long_straddle():
    """The table prints 48,500 for prices that are printed as 1.68 and 3.18: cents are rounded."""
    found = _of(book(("c", 100, 100, 1.68), ("p", 100, 100, 3.18), **_IBM))
    assert found.requirement == pytest.approx(48_600)
    assert abs(found.requirement - 48_500) <= 100


_BROAD = {"product_class": "broad-index", "american": False}
_LONG_TERM = {"years": 1.5}


@pytest.mark.parametrize(
    ("page", "gross", "rows", "usual"),
    [
        (23, 500, [("c", 1, 125, 5)], {"spot": 128.5}),
        (23, 550, [("p", 1, 430, 5.5)], _BROAD | {"spot": 433.35}),
        (24, 900, [("c", 1, 80, 12)], _LONG_TERM | {"spot": 78}),
        (25, 1260, [("c", 1, 1325, 16.8)], _LONG_TERM | _BROAD | {"spot": 1290}),
        (25, 150, [("p", 1, 42.5, 2)], _LONG_TERM | _BROAD | {"spot": 43.34}),
        (28, 1000, [("p", -1, 80, 2)], {"spot": 95}),
        (28, 540, [("p", -1, 20, 1.5)], {"spot": 19.5}),
        (29, 14_800, [("p", -1, 725, 3)], {"spot": 970, "leverage": 2, "product_class": "leveraged-etf"}),
        (
            29,
            24_992,
            [("p", -1, 400, 15.5)],
            {"spot": 390.7, "leverage": -3, "product_class": "leveraged-etf"},
        ),
        (30, 4110, [("p", -1, 410, 0.1)], _BROAD | {"spot": 445.35}),
        (30, 6945.25, [("p", -1, 430, 7.8)], _BROAD | {"spot": 433.35}),
        (31, 935.1, [("p", -1, 45, 2.85)], _BROAD | {"spot": 43.34}),
        (31, 6250, [("p", -1, 390, 4)], _BROAD | {"spot": 460, "leverage": 1.5}),
        (32, 3410, [("c", -1, 120, 8.4)], {"spot": 128.5}),
        (32, 268.8, [("c", -1, 30, 0.05)], {"spot": 26.38}),
        (
            33,
            33_630,
            [("c", -1, 810, 10.1)],
            {"spot": 815.5, "leverage": 2, "product_class": "leveraged-etf"},
        ),
        (
            33,
            15_954.5,
            [("c", -1, 1250, 2)],
            {"spot": 1050.3, "leverage": 1.5, "product_class": "leveraged-etf"},
        ),
        (34, 7370.25, [("c", -1, 430, 8.7)], _BROAD | {"spot": 433.35}),
        (35, 6450, [("c", -1, 450, 3)], _BROAD | {"spot": 410, "leverage": 1.5}),
        (39, 300, [("p", 1, 250, 3), ("p", -1, 240, 0.95)], {"spot": 255}),
        (40, 1140, [("p", 1, 425, 6.4), ("p", -1, 430, 7.8)], _BROAD | {"spot": 433.35}),
        (42, 880, [("c", 1, 125, 3.8), ("c", -1, 120, 8.4)], {"spot": 128.5}),
        (43, 2800, [("c", 1, 70, 5, {"years": 0.5}), ("c", -1, 70, 8, {"years": 0.75})], {"spot": 75}),
        (
            43,
            9030.25,
            [("c", 1, 425, 13.1, {"years": 0.25}), ("c", -1, 430, 12.2, {"years": 0.5})],
            _BROAD | {"spot": 433.35},
        ),
        (45, 2922.6, [("c", -1, 90, 7), ("p", -1, 90, 3.7)], {"spot": 92.63}),
        (46, 7770.25, [("p", -1, 435, 7.2), ("c", -1, 435, 5.5)], _BROAD | {"spot": 433.35}),
        (47, 38_250, [("s", -100), ("p", -1, 250, 3)], {"spot": 255}),
        (47, 4619, [("s", 100), ("c", -1, 90, 7)], {"spot": 92.38}),
        (
            49,
            500,
            [("c", 1, 535, 19.4), ("c", -1, 545, 12.2), ("p", 1, 545, 5.3), ("p", -1, 535, 3)],
            _BROAD | {"spot": 550},
        ),
        (
            50,
            1715,
            [("c", 1, 40, 15.4), ("c", -1, 50, 7.2), ("p", 1, 50, 1.75), ("p", -1, 40, 0.4)],
            {"spot": 50},
        ),
        (
            51,
            1870,
            [("c", -1, 50, 17.3), ("c", 1, 60, 8.4), ("p", -1, 60, 1.25), ("p", 1, 50, 0.3)],
            {"spot": 66},
        ),
        (52, 2040, [("p", 1, 540, 5.6), ("p", -2, 550, 7.2), ("p", 1, 555, 9.8)], {"spot": 550}),
        (53, 2440, [("c", 1, 545, 12.4), ("c", -2, 550, 8.8), ("c", 1, 565, 2)], {"spot": 550}),
        (
            54,
            13_250,
            [("p", 1, 1050, 47.1), ("p", -1, 1075, 55.7), ("p", -1, 1100, 66.3), ("p", 1, 1125, 85.4)],
            {"spot": 1160},
        ),
        (
            55,
            475,
            [("c", 1, 22.5, 0.45), ("c", -1, 25, 0.75), ("c", -1, 30, 2.75), ("c", 1, 32.5, 4.3)],
            {"spot": 26.75},
        ),
        (
            56,
            810,
            [("p", 1, 16, 0.1), ("p", -1, 20, 0.2), ("c", -1, 20, 7), ("c", 1, 24, 4)],
            {"spot": 26.75},
        ),
        (
            57,
            6330,
            [("p", 1, 1000, 32), ("p", -1, 1025, 35.1), ("c", -1, 1150, 9.4), ("c", 1, 1175, 6.3)],
            {"spot": 1060},
        ),
    ],
)
def test_manual(page, gross, rows, usual):
    """Requirements before proceeds, as the manual prints them."""
    assert _of(book(*rows, **usual)).requirement == pytest.approx(gross, abs=0.01), f"page {page}"


@pytest.mark.parametrize(
    ("page", "loss", "rows"),
    [
        (36, 0, [("c", 10, 75, 2), ("c", -10, 85, 1)]),
        (37, 0, [("c", 10, 45, 12), ("c", -20, 55, 4), ("c", 10, 60, 2)]),
        (38, 5000, [("p", 5, 60, 0.1), ("p", -5, 70, 0.4), ("c", -10, 85, 0.6), ("c", 10, 90, 0.2)]),
    ],
)
def test_manual_greatest_loss(page, loss, rows):
    """Spreads of several series: what they require beyond the long options is their greatest loss."""
    paid = sum(100 * quantity * price for _, quantity, _, price in rows if quantity > 0)
    assert _of(book(*rows, spot=78)).requirement == pytest.approx(paid + loss), f"page {page}"


def test_manual_reduced_index():
    """Pages 41 and 44: ten options on the tenth of an index spread with one on the index, if the long side lasts."""
    spx = {"underlying": "SPX", "spot": 433.4, "years": 0.25} | _BROAD
    xsp = {"underlying": "XSP", "spot": 43.34, "years": 1.5} | _BROAD
    covered = _of(book(("c", 10, 45, 1.35, xsp), ("c", -1, 450, 0.25, spx)))
    assert covered.requirement == pytest.approx(1350)
    assert strategies(covered.found) == ["call calendar spread"]
    late = _of(book(("p", 1, 430, 7.9, spx), ("p", -10, 42.5, 2, xsp)))
    assert late.requirement == pytest.approx(8451)


def test_a_fund_covers_options_on_its_index():
    """SEC release 34-97019: shares worth no less than the index; 999 of them at 145.30 for a contract at 1451.19."""
    short = ("c", -1, 1460, 21.66)
    covered = _of(book(("s", 999, _SPY), short, **_SPX))
    assert strategies(covered.found) == ["covered call"]
    assert strategies(_of(book(("s", 998, _SPY), short, **_SPX)).found) == ["long stock", "uncovered call"]
    tenth = {"underlying": "XSP", "spot": 145.119}
    assert strategies(_of(book(("s", 100, _SPY), ("c", -1, 146, 2.166, tenth), **_SPX)).found) == [
        "covered call"
    ]


@pytest.mark.parametrize(
    ("page", "printed", "strategy", "rows", "spot"),
    [
        (58, 1800, "protective put", [("s", 100), ("p", 1, 95, 0)], 103.5),
        (58, 5900, "protective call", [("s", -100), ("c", 1, 50, 0)], 46),
        (59, 1100, "conversion", [("s", 100), ("c", -1, 110, 6.5), ("p", 1, 110, 0)], 115),
        (60, 12_100, "reverse conversion", [("s", -100), ("c", 1, 110, 0), ("p", -1, 110, 1.35)], 115),
        (61, 8560, "reverse conversion", [("s", -100), ("c", 1, 75, 0), ("p", -1, 75, 5)], 71.9),
        (61, 475, "collar", [("s", 100), ("p", 1, 30, 0), ("c", -1, 35, 1)], 31.75),
    ],
)
def test_manual_hedged_stock_at_maintenance(page, printed, strategy, rows, spot):
    """The printed figures; where the stock is carried below the market, that comes on top, for equity is at market."""
    found = _of(book(*rows, spot=spot))
    (package,) = found.found["maintenance_pairing"]
    assert package["strategy"] == strategy
    assert package["requirement"] == pytest.approx(printed), f"page {page}"
    assert found.maintenance == pytest.approx(printed + package["stock_carried_below_market"])


@pytest.mark.parametrize(("strike", "margin"), [(40, 400), (50, 800)])
def test_mcmillan_protective_call(strike, margin):
    """Stock sold at 47: the margin beyond the exercise price at which the call buys it back."""
    found = _of(book(("s", -100), ("c", 1, strike, 0), spot=47))
    assert found.maintenance - 100 * strike == pytest.approx(margin)


def test_mcmillan_call_too_far():
    """With the 60 call the stock's own 30 % is less."""
    found = _of(book(("s", -100), ("c", 1, 60, 0), spot=47))
    assert found.maintenance - 4700 == pytest.approx(1410)


@pytest.mark.parametrize(
    ("gross", "rows", "spot"),
    [
        (1150, [("c", -1, 68, 1.5)], 65),
        (1030, [("c", -1, 47, 2.1), ("p", -1, 43, 1.2)], 45),
    ],
)
def test_tastytrade(gross, rows, spot):
    """Naked call, short strangle."""
    assert _of(book(*rows, spot=spot)).requirement == pytest.approx(gross)


@pytest.mark.parametrize(
    ("beyond", "strategy", "rows"),
    [
        (1500, "short put butterfly", [("p", -3, 75, 1.5), ("p", 6, 80, 4), ("p", -3, 85, 6)]),
        (0, "long call butterfly", [("c", 4, 40, 12.5), ("c", -8, 50, 6), ("c", 4, 60, 1.5)]),
        (
            600,
            "short iron condor",
            [("p", 2, 50, 0.8), ("p", -2, 53, 1.25), ("c", -2, 67, 2), ("c", 2, 70, 0.75)],
        ),
    ],
)
def test_tastytrade_spreads(beyond, strategy, rows):
    """What is required beyond the long options, and what the spread is called."""
    found = _of(book(*rows, spot=60))
    paid = sum(100 * quantity * price for _, quantity, _, price in rows if quantity > 0)
    assert found.requirement - paid == pytest.approx(beyond)
    assert strategies(found.found) == [strategy]


@pytest.mark.parametrize(
    ("net", "rows", "usual"),
    [
        (1200, [("c", 1, 80, 12)], _LONG_TERM | {"spot": 78}),
        (7800, [("p", -1, 80, 2)], {"spot": 95}),
        (360, [("p", 1, 425, 6.4), ("p", -1, 430, 7.8)], _BROAD | {"spot": 433.35}),
        (9238 - 700, [("s", 100), ("c", -1, 90, 7)], {"spot": 92.38}),
    ],
)
def test_cash_account(net, rows, usual):
    """tastyware/margin-estimator after the manual: paid in full, cash-secured put, spread of European index options;
    the covered call is Cboe's table of requirements: stock paid in full, none on the call."""
    assert _of(book(*rows, **usual), _CASH).net_of_proceeds == pytest.approx(net)


@pytest.mark.parametrize(
    "rows",
    [[("c", -1, 100, 2)], [("c", 1, 95, 6), ("c", -1, 100, 3)], [("s", -100)]],
    ids=["naked", "spread", "short"],
)
def test_cash_account_refuses(rows):
    """What a cash account may not hold has no requirement, and the note names the row."""
    found = _of(book(*rows), _CASH)
    assert np.isnan([found.requirement, found.initial, found.maintenance, found.net_of_proceeds]).all()
    assert "book.csv line" in " ".join(found.notes)
