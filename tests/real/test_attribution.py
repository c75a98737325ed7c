"""A market maker in SPX through the nine real closes of May 2019: the worked example of docs/attribution.md, held to its figures."""

import json

import pytest
from benchmarks.attribution import chains, write_inputs

from tests.cli.test_plan import flatbook

pytestmark = pytest.mark.market_data

SHARE_AT_WORST = (
    0.058  # of gross, steps of one to four days: 5.4 % as measured, on the day volatility rose by half
)
SHARE_OF_SHORT_STEPS = 0.037  # of all of these together: 3.4 % as measured
SHARE_OF_ALL = 0.11  # with the seventeen days that no chain covers: 10.3 % as measured


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The report of the example, as a person would make it."""
    if not chains():
        pytest.skip("no real market data: the SPX chains are not in the data folder (set FLATBOOK_DATA)")
    folder = tmp_path_factory.mktemp("spx")
    write_inputs(folder)
    done = flatbook(
        "attribute", *chains(), "--desk", folder / "desk.toml", "--fills", folder / "fills.csv",
        "--json", folder / "a.json", "--html", folder / "a.html",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (folder / "a.html").stat().st_size > 4e6
    return json.loads((folder / "a.json").read_text())


def _desks(report):
    return [step["scopes"][0] for step in report["steps"]]


def test_the_copy_of_a_holiday_is_no_mark(report):
    """Nine chains, one of them the copy of 2019-05-27: eight marks, seven steps."""
    (left_out,) = report["chains_left_out"]

    assert left_out["market"] == "SPX_20190527.csv"
    assert "stale copy" in left_out["reason"]
    assert [step["end"][:10] for step in report["steps"]] == [
        "2019-05-06", "2019-05-07", "2019-05-08", "2019-05-09", "2019-05-13", "2019-05-14", "2019-05-31",
    ]  # fmt: skip


def test_identity_and_revaluation_leave_nothing_over(report):
    """V41, on real numbers: a millionth of a cent of millions."""
    for desk in [*_desks(report), report["total"][0]]:
        held = desk["waterfall"]["symmetric"]["total_usd"]
        traded = ("new_trades_usd", "hedging_slippage_usd", "fees_usd", "corrections_usd")

        assert abs(desk["identity"]["rounding_usd"]) < 1e-6
        assert desk["waterfall"]["ordered"]["total_usd"] == pytest.approx(held, abs=1e-6)
        assert held + sum(desk["explain"][name] for name in traded) == pytest.approx(
            desk["explain"]["realised_usd"], abs=1e-5
        )


def test_every_position_is_in_the_sums(report):
    assert all(step["left_out"] == [] for step in report["steps"])


def test_what_the_greeks_do_not_explain_is_small_and_bounded(report):
    """Steps of one to four days, and the whole with its gap of seventeen."""
    short = [
        desk["explain"]
        for step, desk in zip(report["steps"], _desks(report), strict=True)
        if step["days"] < 5
    ]

    assert len(short) == 6
    assert max(one["unexplained_share"] for one in short) < SHARE_AT_WORST
    left = sum(abs(one["unexplained_usd"]) for one in short)
    assert left / sum(one["gross_usd"] for one in short) < SHARE_OF_SHORT_STEPS
    assert report["total"][0]["explain"]["unexplained_share"] < SHARE_OF_ALL


def test_a_short_book_in_a_selloff_loses_by_gamma_and_volatility_and_earns_theta(report):
    """What happened, in words of the desk: the fall of 7 May made the loss, time and edge earned."""
    whole, fall = report["total"][0]["explain"], _desks(report)[1]["explain"]

    assert whole["gamma_usd"] < -3e5
    assert whole["theta_usd"] > 2e5
    assert report["total"][0]["identity"]["edge_usd"] > 0.0
    assert fall["vega_level_usd"] < fall["gamma_usd"] < 0.0
    assert fall["realised_usd"] == min(desk["explain"]["realised_usd"] for desk in _desks(report))
