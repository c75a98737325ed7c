"""`flatbook margin`: a file of positions in, requirements by account out; bad input is told and nothing is written."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from flatbook.adapters.files.positions import read_positions
from flatbook.adapters.margin_parameters.read import read_parameters
from flatbook.adapters.span_file.csv import write_span_csv
from flatbook.cli.main import CapitalMethod
from flatbook.cli.margin import Wanted, make_margin
from flatbook.margin.requirement import Method
from flatbook.margin.span_arrays import contracts_of
from flatbook.model.errors import FaultsError
from tests.cli.test_plan import flatbook

EXAMPLES = Path(__file__).parents[2] / "examples" / "margin"
INDEX, FUTURES, DERIBIT = EXAMPLES / "index-options.csv", EXAMPLES / "futures.csv", EXAMPLES / "deribit.csv"
_TWO = """underlying,product_class,underlying_price,right,strike,years,exercise,price,quantity,multiplier,rate
SPX,broad-index,2950,call,3050,0.13,european,12.30,-50,100,0.024
SPX,broad-index,2950,put,2800,0.13,european,18.70,-50,100,0.024
"""


def _wanted(positions, method, **options):
    usual = Wanted(
        positions=positions,
        method=Method(method),
        parameters=None,
        arrays=None,
        account=None,
        group=None,
        reported=None,
        at=None,
        difference_limit=0.1,
        marginals=True,
        relief=None,
        candidates=None,
        json=None,
        html=None,
    )
    return replace(usual, **options)


def _json(positions, method, folder, **options):
    make_margin(_wanted(positions, method, json=folder / "margin.json", **options))
    return json.loads((folder / "margin.json").read_text())


def _faults(positions, method, **options):
    with pytest.raises(FaultsError) as error:
        make_margin(_wanted(positions, method, **options))
    return error.value.faults


@pytest.fixture
def two(tmp_path):
    """A short strangle."""
    (tmp_path / "two.csv").write_text(_TWO)
    return tmp_path / "two.csv"


def test_the_option_names_every_method():
    """It repeats them so that `--help` need not import numpy."""
    assert [one.value for one in CapitalMethod] == [one.value for one in Method]


def test_a_person_gets_a_table_and_a_file(tmp_path):
    """Per account: numbers, what decides them, one entry a leg."""
    done = flatbook("margin", "--method", "pm", INDEX, "--json", tmp_path / "m.json")
    found = json.loads((tmp_path / "m.json").read_text())

    assert done.returncode == 0, done.stderr
    assert [one["group"] for one in found] == ["MM1", "MM2"]
    first = found[0]
    assert (first["method"], first["currency"]) == ("pm", "USD")
    assert first["requirement"] == first["initial"] == first["maintenance"] > 0.0
    assert first["worst"]["loss"] == pytest.approx(first["requirement"])
    assert first["worst"]["moves"] == pytest.approx({"SPX": -0.08, "SPY": -0.08, "IWM": -0.1})
    assert "requirement_net_of_proceeds" not in first
    assert [leg["row"] for leg in first["marginal"]] == [f"index-options.csv line {n}" for n in range(2, 7)]
    assert first["marginal"][0]["description"] == "SPX 3050 call 47.45 d"
    assert f"{first['requirement']:,.2f}" in done.stdout
    assert "released by" in done.stdout


def test_marginals_are_differences_of_two_runs(two, tmp_path):
    """By the front door alone: a file with one contract more."""
    (found,) = _json(two, "rbh", tmp_path)
    (tmp_path / "more.csv").write_text(_TWO.replace("18.70,-50", "18.70,-49"))
    (more,) = _json(tmp_path / "more.csv", "rbh", tmp_path)

    change = more["requirement"] - found["requirement"]
    assert found["marginal"][1]["buy"] == pytest.approx(change, abs=1e-6)
    assert change < 0.0


def test_strategy_margin_tells_its_pairing_and_proceeds(tmp_path):
    """Margin account before proceeds; a cash account may not hold the same."""
    found = _json(INDEX, "regt", tmp_path)
    cash = _json(INDEX, "regt", tmp_path, account="cash", group="MM2", marginals=False)

    assert "worst" not in found[0]
    assert found[1]["requirement_net_of_proceeds"] < found[1]["requirement"]
    total = sum(package["requirement"] for package in found[1]["pairing"])
    assert total == pytest.approx(found[1]["requirement"])
    assert [one["group"] for one in cash] == ["MM2"]
    assert cash[0]["requirement"] is None
    assert {one["path"] for one in cash[0]["reasons"]} >= {"requirement", "marginal[*].buy"}
    assert all(one["reason"] for one in cash[0]["reasons"])


def test_a_coin_account_is_told_in_its_coin(tmp_path, capsys):
    """The worked example of docs/margin/pme.md."""
    (found,) = _json(DERIBIT, "pme", tmp_path)

    assert found["currency"] == "BTC"
    assert found["requirement"] == pytest.approx(1.0611708, abs=5e-7)
    assert found["worst"]["moves"] == pytest.approx({"BTC": -0.16})
    assert found["worst"]["vol"] == "up"
    assert "1.0611" in capsys.readouterr().out


def test_risk_arrays_of_a_file_give_what_our_own_pricer_gives(tmp_path):
    """And legs then need no marks."""
    (own,) = _json(FUTURES, "span", tmp_path)
    legs = read_positions(FUTURES, Method.SPAN).legs
    write_span_csv(tmp_path / "arrays.csv", contracts_of(legs, read_parameters(Method.SPAN)).contracts)
    with FUTURES.open() as file:
        rows = list(csv.DictReader(file))
    with (tmp_path / "bare.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows([row | {"price": "", "vol": "", "rate": ""} for row in rows])
    (bare,) = _json(tmp_path / "bare.csv", "span", tmp_path, arrays=tmp_path / "arrays.csv")

    assert own["requirement"] > 0.0
    assert bare["requirement"] == pytest.approx(own["requirement"], rel=1e-9)
    assert own["worst"]["scenario"].startswith("scenario 15")


def test_coins_of_different_kinds_are_told_in_usd(tmp_path):
    """Parts too, so that they can be compared."""
    rows = DERIBIT.read_text()
    ether = "BTC-A,ETH,crypto,3000,call,3500,0.083561644,,0.6,-10,1\n"
    (tmp_path / "both.csv").write_text(rows + ether)
    (both,) = _json(tmp_path / "both.csv", "pme", tmp_path)
    (coin,) = _json(DERIBIT, "pme", tmp_path)

    assert both["currency"] == "USD"
    assert [one["part"] for one in both["scans"]] == ["BTC", "ETH"]
    assert both["scans"][0]["requirement"] == pytest.approx(65_000.0 * coin["requirement"])
    assert sum(one["requirement"] for one in both["scans"]) == pytest.approx(both["requirement"])
    assert both["worst"]["part"] == "BTC"


@pytest.mark.parametrize(
    ("positions", "method", "words"),
    [
        (INDEX, "pm", ("P&amp;L by scenario", "broad indexes")),
        (INDEX, "regt", ("Pairing", "call credit spread: -30 AAPL call 220, +30 AAPL call 230")),
        (FUTURES, "span", ("P&amp;L by scenario", "scenario 15")),
        (DERIBIT, "pme", ("P&amp;L by scenario", "BTC 55000 put 30.5 d")),
    ],
    ids=["pm", "regt", "span", "pme"],
)
def test_a_page_of_every_method(positions, method, words, tmp_path):
    """Whole, with its pictures inside."""
    make_margin(_wanted(positions, method, html=tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text()

    assert page.rstrip().endswith("</html>")
    assert all(word in page for word in words)
    assert "http://" not in page.split("<script>")[0]


def test_arrays_are_read_as_what_their_name_says(tmp_path):
    """XML by `.spn` and `.xml`, a table otherwise."""
    (tmp_path / "house.spn").write_text("<spanFile><fileFormat>3.00</fileFormat></spanFile>")
    (tmp_path / "house.csv").write_text("underlying,right\nCL,call\n")

    assert "spanFile" in _faults(FUTURES, "span", arrays=tmp_path / "house.spn")[0].where
    assert "loss_16" in _faults(FUTURES, "span", arrays=tmp_path / "house.csv")[0].expected


def test_the_same_file_gives_the_same_bytes(tmp_path):
    """From CSV twice, and the same numbers from Parquet."""
    _json(INDEX, "pm", tmp_path)
    once = (tmp_path / "margin.json").read_bytes()
    again = _json(INDEX, "pm", tmp_path)
    pl.read_csv(INDEX).write_parquet(tmp_path / "book.parquet")
    parquet = _json(tmp_path / "book.parquet", "pm", tmp_path)

    assert json.loads(once) == again
    assert [one["requirement"] for one in parquet] == [one["requirement"] for one in again]
    assert parquet[0]["marginal"][0]["row"] == "book.parquet row 1"


def test_a_single_leg_and_a_candidate_are_accounts(tmp_path):
    """One leg; and the same leg with nothing held needs nothing but says what one contract would."""
    head, first, _ = _TWO.strip().split("\n")
    (tmp_path / "one.csv").write_text(f"{head}\n{first}\n")
    (tmp_path / "none.csv").write_text(f"{head}\n{first.replace('-50', '0')}\n")
    (one,) = _json(tmp_path / "one.csv", "pm", tmp_path)
    (none,) = _json(tmp_path / "none.csv", "pm", tmp_path)

    assert one["requirement"] == pytest.approx(50.0 * none["marginal"][0]["sell"])
    assert none["requirement"] == 0.0
    assert none["marginal"][0]["sell"] > 0.0


def test_ten_thousand_legs(tmp_path):
    """European, over 50 underlyings and 4 accounts."""
    rng = np.random.default_rng(3)
    n = 10_000
    spot = 80.0 + np.arange(n) % 50
    frame = pl.DataFrame(
        {
            "group": [f"A{row % 4}" for row in range(n)],
            "underlying": [f"U{row % 50}" for row in range(n)],
            "product_class": ["narrow-index"] * n,
            "underlying_price": spot,
            "right": np.where(rng.random(n) < 0.5, "call", "put"),
            "strike": np.round(spot * rng.uniform(0.7, 1.3, n), 1),
            "years": np.round(rng.uniform(0.05, 1.0, n), 3),
            "vol": np.round(rng.uniform(0.2, 0.5, n), 3),
            "quantity": rng.integers(-20, 20, n),
            "multiplier": [100] * n,
            "rate": [0.03] * n,
        }
    )
    frame.write_parquet(tmp_path / "book.parquet")
    found = _json(tmp_path / "book.parquet", "pm", tmp_path)

    assert [len(one["marginal"]) for one in found] == [2500] * 4
    assert all(one["requirement"] > 0.0 for one in found)


def test_an_unknown_value_is_null_with_its_reason_and_never_zero(tmp_path):
    """A price that no volatility gives."""
    (tmp_path / "odd.csv").write_text(_TWO.replace("12.30", "2990"))
    (found,) = _json(tmp_path / "odd.csv", "pm", tmp_path)
    reasons = {one["path"]: one["reason"] for one in found["reasons"]}

    assert found["requirement"] is None
    assert "odd.csv line 2" in reasons["requirement"]
    assert any("odd.csv line 2" in note for note in found["notes"])


def test_what_others_report_stands_beside_and_the_worse_binds(two, tmp_path):
    """Within its limit, beyond it, and too old to compare."""
    (own,) = _json(two, "pm", tmp_path)
    need = own["requirement"]
    lines = ["group,source,requirement,as_of"]
    lines += [
        f"account,OCC,{need * 1.05!r},2020-01-03T21:00:00Z",
        f"account,FIRM,{need * 1.5!r},2020-01-03T21:00:00Z",
    ]
    (tmp_path / "r.csv").write_text("\n".join(lines) + "\n")
    (found,) = _json(two, "pm", tmp_path, reported=tmp_path / "r.csv")
    (late,) = _json(two, "pm", tmp_path, reported=tmp_path / "r.csv", at="2020-01-06T00:00Z")

    assert [one["breach"] for one in found["reported"]] == [False, True]
    assert [one["binding"] for one in found["reported"]] == pytest.approx([1.05 * need, 1.5 * need])
    assert [one["requirement"] for one in late["reported"]] == [None, None]
    assert "stale" in late["reported"][0]["reason"]
    assert late["reported"][0]["breach"]
    assert late["reported"][0]["binding"] == pytest.approx(need)


def test_parameters_of_a_file_are_laid_over(two, tmp_path):
    """A minimum charge that binds; a wrong key is told."""
    (tmp_path / "own.toml").write_text("[minimum]\noption = 1000.0\n")
    (tmp_path / "bad.toml").write_text("[minimum]\noptions = 1.0\n")
    (found,) = _json(two, "pm", tmp_path, parameters=tmp_path / "own.toml")

    assert found["requirement"] == 100 * 100 * 1000.0
    assert found["worst"]["minimum_binds"]
    assert "options" in _faults(two, "pm", parameters=tmp_path / "bad.toml")[0].found
    assert "missing.toml" in _faults(two, "pm", parameters=tmp_path / "missing.toml")[0].where


def test_bad_rows_end_with_2_a_line_each_and_nothing_written(tmp_path):
    """As a person sees it."""
    (tmp_path / "bad.csv").write_text(_TWO.replace("12.30", "").replace("put", "putt"))
    done = flatbook("margin", "--method", "pm", tmp_path / "bad.csv", "--json", tmp_path / "m.json")

    assert done.returncode == 2
    assert "2 faults" in done.stderr
    assert "bad.csv line 2 column price" in done.stderr
    assert "bad.csv line 3 column right" in done.stderr
    assert not (tmp_path / "m.json").exists()


def test_faults_of_every_account_are_told_at_once(tmp_path):
    """Those that only the method knows: coins have no strategy margin."""
    rows = DERIBIT.read_text().replace("BTC-A", "one", 1).replace(",,0.55", ",,0.55", 1)
    (tmp_path / "coins.csv").write_text(rows.replace(",0.083561644,,0.", ",0.083561644,0.1,0."))
    found = _faults(tmp_path / "coins.csv", "regt")

    assert {one.where for one in found} >= {
        f"coins.csv line {line} column product_class" for line in (2, 3, 5)
    }


@pytest.mark.parametrize(
    ("method", "options", "where"),
    [
        ("pm", {"group": "nobody"}, "--group"),
        ("pm", {"account": "cash"}, "--account"),
        ("span", {"account": "margin"}, "--account"),
        ("pm", {"arrays": FUTURES}, "--arrays"),
        ("pm", {"at": "2020-01-03T21:00Z"}, "--at"),
        ("pm", {"difference_limit": -1.0}, "--difference-limit"),
        ("pm", {"json": INDEX}, "--json"),
    ],
)
def test_options_that_do_not_fit_are_told(method, options, where):
    """Before any work."""
    assert [one.where for one in _faults(INDEX, method, **options)] == [where]


def test_help_teaches_with_rows():
    """That make a file."""
    done = flatbook("margin", "--help")
    text = " ".join(done.stdout.split())

    assert done.returncode == 0
    assert "underlying,product_class,underlying_price,right" in text
    assert "SPX,broad-index,2950,call" in text


@pytest.mark.parametrize("method", ["pm", "regt"])
def test_a_report_for_an_account_without_positions_is_a_breach(two, method, tmp_path):
    """It has an entry of its own: null, with what others say and why; currencies are read in any case."""
    (own,) = _json(two, method, tmp_path)
    lines = ["group,requirement,as_of,currency"]
    lines += [f"account,{own['requirement']!r},2020-01-03T21:00Z,usd", "ZZ,1000000,2020-01-03T21:00Z,"]
    (tmp_path / "r.csv").write_text("\n".join(lines) + "\n")
    page = tmp_path / "page.html"
    ours, theirs = _json(two, method, tmp_path, reported=tmp_path / "r.csv", html=page)

    assert not ours["reported"][0]["breach"]
    assert (theirs["group"], theirs["currency"], theirs["requirement"]) == ("ZZ", "USD", None)
    assert theirs["reported"][0]["requirement"] == 1_000_000.0
    assert theirs["reported"][0]["breach"]
    assert theirs["reported"][0]["reason"] == "no positions of that account here"
    assert {one["path"] for one in theirs["reasons"]} >= {"requirement", "initial", "maintenance"}
    assert "1,000,000.00 cannot be compared: no positions of that account here" in page.read_text()
    assert len(_json(two, method, tmp_path, reported=tmp_path / "r.csv", group="account")) == 1


def test_terms_of_accounts_without_positions_are_told(tmp_path):
    """A name misspelt would otherwise count as no terms at all."""
    (tmp_path / "own.toml").write_text("[accounts.BTC-B.BTC]\nmmp_quantity = 2.0\n")
    (found,) = _json(DERIBIT, "pme", tmp_path, parameters=tmp_path / "own.toml")

    assert "the parameters have terms for accounts without positions: BTC-B" in found["notes"]


def test_a_line_that_is_cut_short_is_told_as_that_alone(tmp_path):
    """There was a row."""
    (tmp_path / "short.csv").write_text(_TWO.split("\n", maxsplit=1)[0] + "\nSPX,broad-index,2950\n")

    assert [one.where for one in _faults(tmp_path / "short.csv", "pm")] == ["short.csv line 2"]


def test_an_expiry_that_cannot_be_meant_is_a_fault(tmp_path):
    """A thousand years and more."""
    (tmp_path / "long.csv").write_text(_TWO.replace(",0.13,european,18.70", ",1e6,european,18.70"))
    (fault,) = _faults(tmp_path / "long.csv", "pm")

    assert (fault.where, fault.found, fault.expected) == (
        "long.csv line 3 column years",
        "1e+06",
        "100 or less",
    )


def test_accounts_of_different_coins_stand_in_order_of_dollars(tmp_path, capsys):
    """0.1 BTC before 0.2 ETH, on the screen and on the page."""
    rows = ("group,underlying,product_class,underlying_price,right,years,price,quantity,multiplier",)
    rows += ("ether,ETH,crypto,2000,future,0,2000,-1,1", "coin,BTC,crypto,65000,future,0,65000,0.5,1")
    (tmp_path / "coins.csv").write_text("\n".join(rows) + "\n")
    ether, coin = _json(tmp_path / "coins.csv", "pme", tmp_path, html=tmp_path / "page.html")
    shown, page = capsys.readouterr().out, (tmp_path / "page.html").read_text()

    assert ether["requirement"] > coin["requirement"]
    assert shown.index("\ncoin: ") < shown.index("\nether: ")
    assert page.index(">coin</span>") < page.index(">ether</span>")
