"""The forward of each expiry from put-call parity, weighted by spread and robust to bad quotes.

Source: domain reference 4.18. With D known, each strike gives F = K + (C - P) / D; strikes near the money, where the
spread is tight, count most. American pairs are first made European: each loses its early-exercise premium at its own
volatility, and the forward is found again. Coin-settled: c - p = 1 - K / F in coin.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.market.american import QUICK, AmericanQuotes, exercise_premiums, implied_vols
from flatbook.market.rates import ParityPairs
from flatbook.model.table import Floats

NEAR_STRIKES = 20  # strikes with the smallest |C - P|
_ROUNDS = 2
_CARRY_ROUNDS = 20
_CARRY_SETTLED = 1e-14
_YIELD_MAX = 0.5
_YIELD_YEARS_MIN = 30.0 / 365.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityForward:
    """A forward, its standard error, and how far parity is from holding, in strike currency."""

    forward: float
    error: float
    residual: float
    n_pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotes:
    """Two-sided calls and puts of one expiry at common strikes; mids and half-spreads in quote currency."""

    strike: Floats
    call: Floats
    put: Floats
    call_half: Floats
    put_half: Floats


def near_the_money(quotes: Quotes, count: int = NEAR_STRIKES) -> Quotes:
    """The strikes where call and put are worth most nearly the same."""
    order = np.sort(np.argsort(np.abs(quotes.call - quotes.put), kind="stable")[:count])
    return Quotes(
        strike=quotes.strike[order],
        call=quotes.call[order],
        put=quotes.put[order],
        call_half=quotes.call_half[order],
        put_half=quotes.put_half[order],
    )


def pairs_of(quotes: Quotes, noise: float) -> ParityPairs:
    """The parity differences of linear contracts; `noise` is the rounding of a price, as a floor to its error."""
    return ParityPairs(
        strike=quotes.strike,
        call_less_put=quotes.call - quotes.put,
        variance=quotes.call_half**2 + quotes.put_half**2 + noise**2,
    )


def parity_forward(pairs: ParityPairs, discount: float) -> ParityForward | None:
    """Forward of a linear expiry, or None without a pair."""
    return _combine(pairs.strike + pairs.call_less_put / discount, pairs.variance / discount**2, discount)


def inverse_forward(pairs: ParityPairs) -> ParityForward | None:
    """Forward of a coin-settled expiry, or None without a pair."""
    share = 1.0 - pairs.call_less_put
    valid = share > 0.0
    forwards = pairs.strike[valid] / share[valid]
    return _combine(forwards, pairs.variance[valid] * forwards**2 / share[valid] ** 2, 1.0)


def _combine(forwards: Floats, variance: Floats, discount: float) -> ParityForward | None:
    """Weighted mean of the forwards that agree with their weighted median."""
    if not forwards.size:
        return None
    weight = 1.0 / variance
    middle = _weighted_median(forwards, weight)
    scatter = 1.4826 * _weighted_median(np.abs(forwards - middle), weight)
    kept = np.abs(forwards - middle) <= np.maximum(3.0 * scatter, 0.5 * np.sqrt(variance))
    forward = float((weight[kept] * forwards[kept]).sum() / weight[kept].sum())
    return ParityForward(
        forward=forward,
        error=float(1.0 / np.sqrt(weight[kept].sum())),
        residual=float(np.median(np.abs(forwards - forward)) * discount),
        n_pairs=int(kept.sum()),
    )


def _weighted_median(values: Floats, weight: Floats) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(reached, 0.5 * reached[-1])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Carry:
    """What an American expiry needs besides its forward."""

    spot: float  # the future's price where a future is the underlying; NaN where unknown
    on_future: bool  # a quoted future is the underlying
    spot_is_forward: (
        bool  # the underlying carries nothing: a future, or the synthetic one of coin-settled options
    )
    years: float
    rate: float
    dividend_years: Floats
    dividend_amount: Floats
    far_yield: float = 0.0  # continuous, of dividends so far off that they are a share of the price

    @property
    def forward(self) -> float:
        """The forward without any borrow: the future itself, or spot carried at the rate less dividends; NaN without spot."""
        if self.spot_is_forward:
            return self.spot
        return self._carried(self.rate - self.far_yield)[0]

    def standing_of(self, forward: float) -> tuple[float, float]:
        """The price an American option stands on, and the continuous yield that makes it meet `forward`.

        Weeks before expiry a yield beyond `_YIELD_MAX` a year is a quote of the underlying that is a moment old, not a
        dividend: then the price stands where the forward implies it, without a yield.
        """
        if self.spot_is_forward:
            return forward, self.rate
        due, grown = self.spot * float(np.exp(self.rate * self.years)) - self.forward, self.rate * self.years
        implied = (forward + due) * float(np.exp(-grown))
        if not self.spot > due * float(np.exp(-grown)):
            return implied, 0.0
        found = self.rate - self._carry_to(forward)
        if abs(found) > _YIELD_MAX and self.years < _YIELD_YEARS_MIN:
            return implied, 0.0
        return self.spot, found

    def _carried(self, carry: float) -> tuple[float, float]:
        """The forward at a carry, S exp(c T) less each dividend grown from its ex-date, and its slope in the carry."""
        paid = self.dividend_years < self.years
        left = self.years - self.dividend_years[paid]
        due = self.dividend_amount[paid] * np.exp(carry * left)
        grown = self.spot * float(np.exp(carry * self.years))
        return grown - float(due.sum()), grown * self.years - float((due * left).sum())

    def _carry_to(self, forward: float) -> float:
        """The carry that meets a forward, by Newton's method: the forward rises with it, ever faster."""
        carry = float(np.log(forward / self.spot)) / self.years if not self.dividend_years.size else self.rate
        for _ in range(_CARRY_ROUNDS):
            at, slope = self._carried(carry)
            step = (forward - at) / slope
            carry += step
            if not abs(step) * self.years > _CARRY_SETTLED:
                break
        return carry


def american_forward(quotes: Quotes, carry: Carry, noise: float) -> ParityForward | None:
    """Forward of an American expiry: parity after each option has lost its early-exercise premium."""
    near = near_the_money(quotes)
    found = parity_forward(pairs_of(near, noise), float(np.exp(-carry.rate * carry.years)))
    for _ in range(_ROUNDS):
        if found is None:
            return None
        found = parity_forward(
            pairs_of(_european(near, carry, found.forward, noise), noise),
            float(np.exp(-carry.rate * carry.years)),
        )
    return found


def _european(quotes: Quotes, carry: Carry, forward: float, noise: float) -> Quotes:
    """The quotes less their early-exercise premiums, where a volatility can be told; unchanged elsewhere."""
    out = {}
    for name, sign in (("call", 1.0), ("put", -1.0)):
        mid = getattr(quotes, name)
        out[name] = mid - exercise_premium(mid, quotes.strike, np.full(mid.size, sign), carry, forward, noise)
    return Quotes(strike=quotes.strike, call_half=quotes.call_half, put_half=quotes.put_half, **out)


def exercise_premium(
    price: Floats, strike: Floats, sign: Floats, carry: Carry, forward: float, noise: float
) -> Floats:
    """American less European value at the volatility of each American price; 0 where no volatility can be told.

    Parameters
    ----------
    price, strike, sign : float64[n]
    forward : float
        Of the expiry.
    noise : float
        Price step below which a time value tells nothing.
    """
    n = price.size
    spot, dividend_yield = carry.standing_of(forward)
    quotes = AmericanQuotes(
        spot=np.full(n, spot),
        strike=strike,
        sign=sign,
        years=np.full(n, carry.years),
        rate=np.full(n, carry.rate),
        dividend_yield=np.full(n, dividend_yield),
        dividend_years=carry.dividend_years,
        dividend_amounts=carry.dividend_amount,
        schedule=np.tile(np.array([0, carry.dividend_years.size], dtype=np.int64), (n, 1)),
    )
    vol, _ = implied_vols(quotes, price, np.full(n, noise), QUICK)
    return exercise_premiums(quotes, vol)
