"""`flatbook fit`: what comes out, and what bad input does."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_plan import EXAMPLE, flatbook

DATA = Path(os.environ.get("FLATBOOK_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture
def chain(tmp_path):
    """A copy of the example that a test may spoil."""
    folder = tmp_path / "day"
    shutil.copytree(EXAMPLE, folder)
    return folder


def written(chain):
    """What a fit left behind."""
    return sorted(path.name for path in chain.parent.iterdir() if path != chain)


def test_the_example_is_fitted_printed_and_drawn(chain):
    """The main job, start to end."""
    out = chain.parent
    done = flatbook("fit", chain, "--json", out / "s.json", "--html", out / "s.html")
    report = json.loads((out / "s.json").read_text())

    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC" in done.stdout
    assert "no arbitrage" in done.stdout
    assert written(chain) == ["s.html", "s.json"]
    assert [one["underlying"] for one in report["surfaces"]] == ["IDX", "ACME"]
    assert all(one["butterfly_min"] >= 0.0 for one in report["surfaces"])
    assert all(one["share_within_half_spread"] > 0.95 for one in report["surfaces"])
    page = (out / "s.html").read_text()
    assert "plotly.js v" in page
    assert page.count('<option value="') == sum(len(one["expiries"]) for one in report["surfaces"])


def test_two_fits_write_the_same_bytes(chain):
    for name in ("a", "b"):
        assert flatbook("fit", chain, "--json", chain.parent / f"{name}.json").returncode == 0

    assert (chain.parent / "a.json").read_bytes() == (chain.parent / "b.json").read_bytes()


def test_one_underlying_can_be_chosen(chain):
    done = flatbook("fit", chain, "--underlying", "ACME", "--json", chain.parent / "s.json")
    report = json.loads((chain.parent / "s.json").read_text())

    assert done.returncode == 0, done.stderr
    assert [one["underlying"] for one in report["surfaces"]] == ["ACME"]


def _spoil(chain):
    lines = (chain / "quotes.csv").read_text().splitlines()
    (chain / "quotes.csv").write_text(
        "\n".join([lines[0], lines[1].replace(",", ",x", 1), *lines[2:]]) + "\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{chain}", "--at", "2027-01-06T15:00"], ["--at", "zone"]),
        (["{chain}", "--format", "morse"], ["format", "morse"]),
        (["{chain}/nothing.csv"], ["nothing there"]),
        (["{chain}", "--underlying", "NOBODY"], ["NOBODY"]),
    ],
    ids=["time without zone", "unknown format", "missing file", "unknown underlying"],
)
def test_bad_input_is_told_in_plain_words_and_nothing_is_written(chain, arguments, words):
    """Exit code 2; where, found, expected, to do."""
    asked = [argument.format(chain=chain) for argument in arguments]
    done = flatbook("fit", *asked, "--html", chain.parent / "s.html")

    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in (*words, "found", "expected", "to do"):
        assert word in done.stderr
    assert written(chain) == []


def test_a_broken_chain_is_told_and_nothing_is_written(chain):
    _spoil(chain)
    done = flatbook("fit", chain, "--json", chain.parent / "s.json")

    assert done.returncode == 2
    assert "quotes.csv line 2" in done.stderr
    assert written(chain) == []


def test_outputs_are_never_the_input_nor_one_another(chain):
    """Told together with what else is wrong."""
    before = (chain / "quotes.csv").read_bytes()
    over = flatbook("fit", chain, "--json", chain / "quotes.csv")
    same = flatbook("fit", chain, "--json", chain.parent / "s", "--html", chain.parent / "s")
    both = flatbook("fit", chain, "--format", "morse", "--json", chain.parent / "no" / "s.json")

    assert (over.returncode, same.returncode, both.returncode) == (2, 2, 2)
    assert "an input (CHAIN)" in over.stderr
    assert "which --json writes too" in same.stderr
    assert "no folder" in both.stderr
    assert "morse" in both.stderr
    assert (chain / "quotes.csv").read_bytes() == before
    assert written(chain) == []


@pytest.mark.market_data
def test_a_holidays_copy_is_refused_by_name():
    """The SPX file of 2019-05-27 is the day before under a new date."""
    path = DATA / "spx-cboe-eod-2019" / "SPX_20190527.csv"
    if not path.exists():
        pytest.skip("no real market data: the SPX chains are not in the data folder (set FLATBOOK_DATA)")
    done = flatbook("fit", path)

    assert done.returncode == 0, done.stderr
    assert "No surface" in done.stdout
    assert "stale copy" in done.stdout


@pytest.mark.market_data
def test_a_real_chain_is_fitted_without_arbitrage_and_inside_its_market():
    """SPX at the close of 2019-05-03, 41 expiries."""
    path = DATA / "spx-cboe-eod-2019" / "SPX_20190503.csv"
    if not path.exists():
        pytest.skip("no real market data: the SPX chains are not in the data folder (set FLATBOOK_DATA)")
    done = flatbook("fit", path)

    assert done.returncode == 0, done.stderr
    assert "41 expiries" in done.stdout
    assert "no arbitrage" in done.stdout
    assert len(re.findall(r"^SPXW? 20\d\d-", done.stdout, re.MULTILINE)) == 41


def test_plotly_is_not_imported_until_a_picture_is_asked_for():
    """Half a second that no other command should wait for."""
    script = "import sys, flatbook.cli.fit, flatbook.cli.plan; print('plotly' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def test_chains_of_one_moment_tell_nothing_of_spot_and_volatility(chain):
    """Two copies: the report of one, and a sentence."""
    shutil.copytree(chain, chain.parent / "other")
    one = flatbook("fit", chain)
    done = flatbook("fit", chain.parent / "other", chain)

    assert done.returncode == 0, done.stderr
    assert "IDX · how volatility followed spot over 2 chains: no two of them tell" in done.stdout
    assert "how volatility followed spot" not in one.stdout
    assert one.stdout.splitlines()[4:10] == done.stdout.splitlines()[4:10]


def test_one_time_cannot_be_that_of_several_chains(chain):
    done = flatbook("fit", chain, chain, "--at", "2027-01-06T15:00Z")

    assert done.returncode == 2
    assert "one time for 2 chains" in done.stderr


@pytest.mark.market_data
def test_days_of_spx_tell_how_volatility_followed_spot():
    """The sell-off of early May 2019, in which the VIX rose from 13 to 19: beyond sticky strike, and most at the short end.

    Too few moves for errors; the chains come in any order.
    """
    days = [DATA / "spx-cboe-eod-2019" / f"SPX_201905{day}.csv" for day in ("09", "03", "06", "07", "08")]
    if not all(day.exists() for day in days):
        pytest.skip(f"no real market data in {DATA} (set FLATBOOK_DATA)")
    done = flatbook("fit", *days, "--underlying", "SPX")
    table = done.stdout.split("over 5 chains")[1].splitlines()[3:10]
    ratios, betas = ([float(line.split()[at]) for line in table] for at in (2, 4))

    assert done.returncode == 0, done.stderr
    assert "SPX_20190509.csv" in done.stdout
    assert [int(line.split()[0]) for line in table] == [7, 14, 30, 60, 91, 182, 365]
    assert all(1.5 < ratio < 3.0 for ratio in ratios)
    assert betas == sorted(betas)
    assert betas[-1] < 0.0
