"""Capital as JSON, console and page: nothing that is unknown becomes a number, and no text becomes markup."""

import io
import json
import re

import numpy as np
import pytest
from rich.console import Console

from flatbook.margin.legs import LegKind, Legs, ProductClass
from flatbook.margin.requirement import AccountRequirement, Method
from flatbook.reports.margin_console import amount, print_margin
from flatbook.reports.margin_html import render_margin
from flatbook.reports.margin_report import Answer, account_margin, encode_margin, most_released

GROUP = "<script>alert(1)</script>"


def _legs(n=3):
    full = np.full
    return Legs(
        where=tuple(f"book.csv line {row + 2}" for row in range(n)),
        group=(GROUP,) * n,
        underlying=("A<b>",) * n,
        product_class=(ProductClass.EQUITY,) * n,
        leverage=np.ones(n),
        underlying_price=full(n, 100.0),
        kind=np.array([LegKind.CALL, LegKind.STOCK, LegKind.FUTURE][:n], dtype=np.int64),
        strike=np.array([105.0, np.nan, np.nan][:n]),
        years=np.array([0.25, 0.0, 0.0][:n]),
        american=np.zeros(n, dtype=np.bool_),
        price=full(n, 2.0),
        vol=full(n, np.nan),
        quantity=np.array([-1.0, 100.0, 0.0][:n]),
        multiplier=np.ones(n),
        rate=np.zeros(n),
        dividend_yield=np.zeros(n),
    )


def _answer(requirement=500.0, buy=(-10.0, 5.0, np.nan), pnl=(-500.0, 300.0)):
    told = AccountRequirement(
        group=GROUP,
        method=Method.PORTFOLIO_MARGIN,
        currency="USD",
        requirement=requirement,
        initial=requirement,
        maintenance=requirement,
        net_of_proceeds=np.nan,
        marginal_buy=np.array(buy),
        marginal_sell=-np.array(buy),
        found={
            "groups": [
                {
                    "group": "A<b>",
                    "requirement": requirement,
                    "minimum": 1.0,
                    "minimum_binds": False,
                    "pnl": list(pnl),
                }
            ],
            "offsets": [],
        },
        notes=("book.csv line 2: no price; the requirement cannot be told",) if np.isnan(requirement) else (),
    )
    return Answer(
        legs=_legs(), requirement=told, moves={"A<b>": np.array([-0.15, 0.15])}, notes=("from the file",)
    )


def test_an_entry_says_what_decides_and_what_each_leg_changes():
    """With rows and descriptions."""
    found = account_margin(_answer())

    assert found.worst is not None
    assert (found.worst.scenario, found.worst.moves, found.worst.loss) == ("point 1", {"A<b>": -0.15}, 500.0)
    assert [leg.description for leg in found.marginal] == [
        "A<b> 105 call 91.25 d",
        "A<b> stock",
        "A<b> perpetual",
    ]
    assert [(freed, side) for freed, side, _ in most_released(found, 3)] == [(10.0, "buy"), (5.0, "sell")]
    assert found.notes == ("from the file",)
    assert {one.path for one in found.reasons} == {"marginal[*].buy", "marginal[*].sell"}


def test_what_is_unknown_is_null_with_a_reason_in_every_place():
    """NaN never becomes 0, in the file or on the screen."""
    found = account_margin(_answer(requirement=np.nan, buy=(np.nan,) * 3, pnl=(np.nan, 1.0)))
    told = json.loads(encode_margin([found]))[0]
    out = io.StringIO()
    print_margin([found], "book.csv", Console(file=out, width=140))

    assert (told["requirement"], told["worst"], told["scans"][0]["points"][0]["pnl"]) == (None, None, None)
    paths = {one["path"]: one["reason"] for one in told["reasons"]}
    assert "book.csv line 2" in paths["requirement"]
    assert "scans[*].points[*].pnl" in paths
    assert "–" in out.getvalue()
    assert "releases anything" not in out.getvalue()


def test_the_file_is_the_same_every_time_and_leaves_out_what_is_of_other_methods():
    """Neither pairing nor proceeds without strategies."""
    once, again = (encode_margin([account_margin(_answer())]) for _ in range(2))

    assert once == again
    assert once.endswith(b"\n")
    assert "pairing" not in json.loads(once)[0]
    assert "requirement_net_of_proceeds" not in json.loads(once)[0]


def test_the_page_escapes_every_name_and_draws_each_account():
    """Text from a file is never markup."""
    page = render_margin([account_margin(_answer())], "book<i>.csv")
    body = page.split('<script type="application/json"')[0]

    assert "<script>alert" not in page
    assert "book<i>" not in body
    assert "A<b>" not in body
    plots = json.loads(re.search(r'id="plots">(.*?)</script>', page, flags=re.DOTALL).group(1))
    assert set(plots) == {"requirement", "marginal-0", "scan-0"}


def test_a_page_of_an_account_that_cannot_be_told():
    """Says so in its headline, and draws what it can."""
    found = account_margin(_answer(requirement=np.nan, buy=(np.nan,) * 3, pnl=(np.nan, np.nan)))
    page = render_margin([found], "book.csv")

    assert "1 account of 1 without a requirement that can be told" in page
    assert 'data-plot="marginal-0"' not in page
    assert 'data-plot="scan-0"' not in page


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.0, "0.00"), (1234.5, "1,234.50"), (1.0611708, "1.06117"), (-0.00321, "-0.00321")],
)
def test_amounts_keep_cents_of_dollars_and_six_digits_of_coins(value, text):
    """Either may be a requirement."""
    assert amount(value) == text
