"""Classes of options for tests: several expiries, both sides, both styles, with dividends or without."""

from dataclasses import replace

import numpy as np

from flatbook.valuation.chain import OptionClass

SPOT = 100.0
YEARS = np.array([5.0, 33.0, 95.0, 240.0, 500.0]) / 365.0
RATE, DIVIDEND_YIELD = 0.045, 0.015
DIVIDENDS = np.array([36.0, 128.0, 219.0, 310.0]) / 365.0, np.array([0.6, 0.6, 0.7, 0.7])


def option_class(n, *, american, dividends=False, spot_model=True, seed=3, rate=RATE, **changes):
    """n series at random; `american` is the share that is."""
    random = np.random.default_rng(seed)
    m = YEARS.size
    dividend_yield = 0.0 if dividends else DIVIDEND_YIELD
    paid = DIVIDENDS if dividends else (np.empty(0), np.empty(0))
    plain = OptionClass(
        spot=np.full(m, SPOT),
        standing=np.full(m, SPOT),
        forward=np.array([carried(SPOT, years, rate, dividend_yield, *paid) for years in YEARS]),
        years=YEARS.copy(),
        discount=np.exp(-rate * YEARS),
        rate=np.full(m, rate),
        dividend_yield=np.full(m, dividend_yield),
        forward_fixed=np.zeros(m, dtype=np.bool_),
        dividend_rows=np.tile([0, paid[0].size], (m, 1)).astype(np.int64),
        dividend_years=paid[0],
        dividend_amounts=paid[1],
        expiry_index=np.sort(random.integers(0, m, n)),
        strike=random.uniform(75.0, 130.0, n).round(1),
        sign=random.choice([-1.0, 1.0], n),
        american=random.random(n) < american,
        vol=random.uniform(0.15, 0.5, n),
        spot_model=np.full(n, spot_model),
    )
    return replace(plain, **changes)


def on_futures(n, *, american, seed=4):
    """Options on a future of each expiry, which is not the reference spot."""
    plain = option_class(n, american=american, seed=seed)
    return replace(
        plain,
        standing=plain.forward.copy(),
        dividend_yield=plain.rate.copy(),
        forward_fixed=np.ones(plain.years.size, dtype=np.bool_),
    )


def carried(spot, years, rate, dividend_yield, paid_years=(), paid=()):
    """Forward of a spot that carries and falls by its dividends."""
    worth = spot * np.exp((rate - dividend_yield) * years)
    for when, amount in zip(paid_years, paid, strict=True):
        if 0.0 < when < years:
            worth -= amount * np.exp((rate - dividend_yield) * (years - when))
    return worth


def some_of(whole, rows):
    """These series of a class."""
    return replace(
        whole,
        **{
            name: getattr(whole, name)[rows]
            for name in ("expiry_index", "strike", "sign", "american", "vol", "spot_model")
        },
    )


def moved(whole, move, shift=0.0):
    """The class at another spot, its forwards in proportion, and other vols."""
    return replace(
        whole,
        spot=whole.spot * (1.0 + move),
        standing=whole.standing * (1.0 + move),
        forward=whole.forward * (1.0 + move),
        vol=whole.vol + shift,
    )
