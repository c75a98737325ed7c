"""The page on how good surfaces are: verdicts that can fail, humps that are counted, chains that are not there."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from benchmarks.surface_chains import Chain, ExpiryQuality, Quality, Skipped, chains, humps, judge
from benchmarks.surface_quality import render
from scipy.stats import norm

from flatbook.reports.smile_curve import Curve

CHAIN = Chain(family="SPX", name="a day", path="nowhere/at_all.csv", rmse_most=0.5)
GOOD = Quality(
    chain=CHAIN, underlying="SPX", expiries=3, refused=0, two_sided=1000, inside=990, fitted=400, fitted_near=0.98,
    rmse=0.3, butterflies=0, calendars=0, least_g=0.01, least_gap=0.001, parity=0.2, met_most=0.999, modes=(1.2, 2),
    fit_ms=12.0,
    misses=Counter({"in the wing": 10}),
    poor=(ExpiryQuality(name="SPX 2019-05-17", kind="svi", fitted=100, share=0.9, rmse=0.4),),
)  # fmt: skip


def verdict(one):
    """The last cell of the row against the targets."""
    text = render([one], [])
    line = next(line for line in text.splitlines() if line.startswith("| SPX | 1 |"))
    return line.split("|")[-2].strip()


def test_a_surface_that_meets_its_targets_has_reached_them():
    assert verdict(GOOD) == "reached"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"inside": 949}, "all two-sided"),
        ({"fitted_near": 0.949}, "fitted"),
        ({"rmse": 0.51}, "RMSE"),
        ({"rmse": float("nan")}, "RMSE"),
        ({"butterflies": 1}, "arbitrage"),
        ({"calendars": 1}, "arbitrage"),
    ],
)
def test_each_target_can_be_missed(change, word):
    assert verdict(replace(GOOD, **change)) == f"**short: {word}**"


def test_misses_and_poor_expiries_are_listed_with_their_reason():
    text = render([GOOD], [])

    assert "| SPX | in the wing | 10 | 1.00 |" in text
    assert "| SPX | a day | SPX 2019-05-17 | svi | 100 | 90 | 0.40 |" in text


def test_a_chain_that_is_absent_is_skipped_with_its_reason(monkeypatch, tmp_path):
    monkeypatch.setattr("benchmarks.surface_chains.DATA", tmp_path)
    found = [one for chain in chains() for one in judge(chain)]

    assert all(isinstance(one, Skipped) for one in found)
    assert "not in the data folder" in render([], found)


@pytest.mark.parametrize(
    ("parts", "count"),
    [
        (((0.0, 1.0, 1.0),), 1),
        (((-1.5, 0.5, 0.5), (1.5, 0.5, 0.5)), 2),
        (((-2.0, 0.3, 0.3), (0.0, 0.3, 0.4), (2.0, 0.3, 0.3)), 3),
        (((0.0, 1.0, 0.999), (1.0, 0.01, 0.0001)), 1),
    ],
    ids=["one", "two", "three", "a ripple is none"],
)
def test_humps_of_mixtures_are_counted(parts, count):
    """(middle, deviation, weight) of each normal distribution; vol and years such that one SD is 1."""
    k = np.linspace(-4.0, 4.0, 801)
    density = sum(weight * norm.pdf(k, middle, deviation) for middle, deviation, weight in parts)

    assert humps(Curve(log_moneyness=k, vol=np.ones(k.size), density=density), 1.0, 1.0) == count
