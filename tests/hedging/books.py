"""One underlying's book of calls and its hedge instruments, as `propose` is given them."""

import numpy as np
from msgspec.structs import replace

from flatbook.engine.measure import basis_of
from flatbook.exposure.aggregate import aggregate
from flatbook.exposure.factors import exposure_of
from flatbook.exposure.slides import gap, slide
from flatbook.hedging.propose import propose
from flatbook.limits.check import check
from flatbook.limits.measured import Measured
from flatbook.margin.capital import requirement
from flatbook.model.hedge_terms import HedgeTerms, HedgingTerms
from flatbook.model.instruments import Right
from flatbook.riskprice.hedge_directions import directions_of
from flatbook.riskprice.price import risk_price
from flatbook.valuation.values import value
from tests.worlds import desk, option, share, view_by_hand

CALL = option("C100", 100.0, 60, Right.CALL)
SHARE = HedgeTerms(instrument=share("XYZ"), spread=0.02, fee_per_contract=0.005)
ETF = HedgeTerms(instrument=share("ETF", price_ratio=0.5), spread=0.02, lot=100, correlation=0.95)
CHEAP_ETF = HedgeTerms(instrument=share("ETF", price_ratio=0.5), spread=0.002, lot=100, correlation=0.95)
VOL, SPOT = 0.25, 100.0


def asked(contracts, hedges=(SHARE, ETF), *, limit=None, aversion=1e-6, held=None, hedging=None, vol=VOL):
    """Everything that `propose` reads of a book of `contracts` calls, and what it holds of each hedge; exposure and values last."""
    the_desk = replace(desk(hedges=hedges, aversion=aversion), hedging=hedging or HedgingTerms())
    instruments = [CALL, *(terms.instrument for terms in hedges)]
    market = view_by_hand(instruments, spot=SPOT, vols=[vol] + [np.nan] * len(hedges))
    values = value(market)
    quantity = np.array([contracts, *(held or [0] * len(hedges))])
    exposure = aggregate(quantity, values, market, the_desk)
    measured = Measured(
        exposure=exposure,
        gaps=gap(slide(quantity, values, market)),
        capital=requirement(quantity, values, market, the_desk),
        values=values,
        market=market,
        desk=the_desk,
    )
    standing = check(measured, (limit,) if limit else (), {})
    basis = basis_of(values, market, the_desk, np.flatnonzero(quantity))
    price = risk_price(
        exposure_of(quantity, basis.factors),
        basis.factors,
        basis.covariance,
        the_desk,
        basis.spot_vol,
        directions_of(the_desk, market.table, values, basis.factors, quantity),
    )
    return exposure, price, standing, values, market, the_desk


def plan(contracts, hedges=(SHARE, ETF), *, conditions=None, **book):
    """The hedges of a book of `contracts` calls, with its exposure and values."""
    args = asked(contracts, hedges, **book)
    return propose(*args, **(conditions or {})), args[0], args[3]
