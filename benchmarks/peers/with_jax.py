"""JAX: one compiled float64 function a workload, its inputs on the device, waited for.

The normal probability is written as half an erfc, which is quicker than `jax.scipy.special.ndtr`: that evaluates two
functions and selects one.
"""

import itertools
import math
from functools import partial

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp
from jax.ops import segment_sum
from jax.scipy.special import ndtr

jax.config.update("jax_enable_x64", True)

_ROUNDING = 1e-9  # of a tick
_PER_ROOT_TWO = 1.0 / math.sqrt(2.0)
_PER_ROOT_TWO_PI = 1.0 / math.sqrt(2.0 * math.pi)


def _probability(x):
    return 0.5 * lax.erfc(-x * _PER_ROOT_TWO)


@partial(jax.jit, static_argnames="probability")
def _values(spot, strike, years, rate, dividend_yield, vol, sign, probability):
    """Price, delta, gamma, vega, theta, rho, vanna, volga."""
    root_years = jnp.sqrt(years)
    deviation = vol * root_years
    d1 = (jnp.log(spot / strike) + (rate - dividend_yield) * years) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    carried = jnp.exp(-dividend_yield * years)
    spot_worth = sign * spot * carried * probability(sign * d1)
    strike_worth = sign * strike * jnp.exp(-rate * years) * probability(sign * d2)
    density = carried * jnp.exp(-0.5 * d1 * d1) * _PER_ROOT_TWO_PI
    vega = spot * density * root_years
    return (
        spot_worth - strike_worth,
        spot_worth / spot,
        density / (spot * deviation),
        vega,
        dividend_yield * spot_worth - rate * strike_worth - 0.5 * vega * vol / years,
        years * strike_worth,
        -density * d2 / vol,
        vega * d1 * d2 / vol,
    )


def european_values(**columns):
    """Price and seven greeks of each option."""
    return _value_call(columns, _probability, "jax.jit with erfc")


def european_values_ndtr(**columns):
    """The same with the library's own normal probability."""
    return _value_call(columns, ndtr, "jax.jit with ndtr")


def _value_call(columns, probability, words):
    inputs = {name: jnp.asarray(column) for name, column in columns.items()}

    def call():
        return jax.block_until_ready(_values(**inputs, probability=probability))

    return call, np.array, words


def tick(spots, group, **columns):
    """A class at one spot after another, with what the spot leaves alone found beforehand."""
    still = jax.block_until_ready(_settle(**{name: jnp.asarray(column) for name, column in columns.items()}))
    return _tick_call(spots, group, lambda spot, *rest: _tick(spot, still, *rest), "jax.jit")


def tick_anew(spots, group, **columns):
    """The same with nothing kept from one spot to the next."""
    inputs = {name: jnp.asarray(column) for name, column in columns.items()}
    return _tick_call(spots, group, lambda spot, *rest: _tick_anew(spot, inputs, *rest), "jax.jit")


def _tick_call(spots, group, go, words):
    turns, groups, rows = itertools.cycle(spots.tolist()), int(group.max()) + 1, jnp.asarray(group)

    def call():
        return jax.block_until_ready(go(next(turns), rows, groups))

    def collect(answer):
        return np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in answer])

    return call, collect, words


@jax.jit
def _settle(sign, strike, years, vol, rate, dividend_yield, held, half_width, ticks_per_unit, risk_price):
    """What the spot leaves alone."""
    root_years = jnp.sqrt(years)
    deviation = vol * root_years
    carried, discount = jnp.exp(-dividend_yield * years), jnp.exp(-rate * years)
    return {
        "sign": sign,
        "distance": jnp.log(carried / (strike * discount)),
        "deviation": deviation,
        "per_deviation": 1.0 / deviation,
        "carried": carried,
        "strike_worth": sign * strike * discount,
        "root_years": root_years,
        "decay": -0.5 * vol / years,
        "rate": rate,
        "dividend_yield": dividend_yield,
        "held": held,
        "half_width": half_width,
        "ticks_per_unit": ticks_per_unit,
        "risk_price": risk_price,
    }


@partial(jax.jit, static_argnames="groups")
def _tick(spot, still, group, groups):
    """Values, four greeks, risk by expiry and side, quotes in ticks."""
    sign, carried, root_years = still["sign"], still["carried"], still["root_years"]
    d1 = (jnp.log(spot) + still["distance"]) * still["per_deviation"] + 0.5 * still["deviation"]
    d2 = d1 - still["deviation"]
    delta = sign * carried * _probability(sign * d1)
    strike_worth = still["strike_worth"] * _probability(sign * d2)
    price = spot * delta - strike_worth
    density = carried * jnp.exp(-0.5 * d1 * d1) * _PER_ROOT_TWO_PI
    gamma, vega = density * still["per_deviation"] / spot, spot * density * root_years
    theta = still["dividend_yield"] * spot * delta - still["rate"] * strike_worth + still["decay"] * vega
    values = jnp.stack((price, delta, gamma, vega, theta))
    weighed = (values[1:] * still["held"]).T
    risk = segment_sum(weighed, group, num_segments=groups, indices_are_sorted=True)
    risk = jnp.concatenate((risk, risk.sum(axis=0, keepdims=True)))
    lean = still["risk_price"] @ values[1:4]
    low = jnp.minimum(price, price - lean - still["half_width"]) * still["ticks_per_unit"]
    high = jnp.maximum(price, price - lean + still["half_width"]) * still["ticks_per_unit"]
    bid, ask = jnp.floor(low + _ROUNDING), jnp.ceil(high - _ROUNDING)
    ask = jnp.maximum(ask, jnp.maximum(bid + 1.0, 1.0))
    bid = jnp.where(bid >= 1.0, bid, -1.0)
    return values, risk, bid.astype(jnp.int64), ask.astype(jnp.int64)


@partial(jax.jit, static_argnames="groups")
def _tick_anew(spot, inputs, group, groups):
    return _tick(spot, _settle(**inputs), group, groups)
