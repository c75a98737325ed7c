"""Terms from which the tests of prices start: plain ones, in which one thing at a time is switched on."""

import numpy as np
from msgspec.structs import replace

from flatbook.model.world_price_terms import (
    ClassTerms,
    HedgePriceTerms,
    PriceTerms,
    SmileTerms,
    UnderlyingPriceTerms,
)
from flatbook.sim.prices.path import path_of
from flatbook.sim.prices.session import Session

STILL = SmileTerms(
    vol_near=0.2,
    vol_far=0.2,
    level_deviation=0.0,
    term_deviation=0.0,
    skew_deviation=0.0,
    curvature_deviation=0.0,
)
MOVING = replace(STILL, level_deviation=1.0, level_reversion=50.0)
CLASSES = (ClassTerms(name="A", strikes=8, strike_spacing=2.5, expiry_days=(0, 9, 44)),)


def plain(n=1, smile=STILL, spacing_seconds=300.0, **more):
    """`n` underlyings without options, each with a hedge so that it is listed."""
    names = [chr(ord("A") + number) for number in range(n)]
    return PriceTerms(
        underlyings=tuple(
            UnderlyingPriceTerms(symbol=name, spot=100.0, smile=smile, index_correlation=0.0)
            for name in names
        ),
        hedges=more.pop("hedges", tuple(HedgePriceTerms(symbol=name, underlying=name) for name in names)),
        spacing_seconds=spacing_seconds,
        **more,
    )


def with_options(classes=CLASSES, **more):
    """One underlying with options."""
    terms = plain(**more)
    first = replace(terms.underlyings[0], classes=classes)
    return replace(terms, underlyings=(first, *terms.underlyings[1:]))


def log_returns(terms, seeds):
    """Of every path, float64[seeds, n - 1, U]."""
    session = Session(terms)
    return np.array([np.diff(np.log(path_of(session, seed).spot), axis=0) for seed in seeds])


def interval(samples, deviations=3.3):
    """Mean of independent samples and how far it may be from the truth: 1 in 1,000 is farther."""
    return samples.mean(axis=0), deviations * samples.std(axis=0, ddof=1) / np.sqrt(samples.shape[0])
