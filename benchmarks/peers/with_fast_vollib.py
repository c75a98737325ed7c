"""fast-vollib: its public calls, on whichever of its backends is fastest for the workload at hand."""

from time import perf_counter

import fast_vollib
import numpy as np
from fast_vollib.jackel import jackel_iv_black

_BACKENDS = ("numba", "jax", "numpy")
_GREEKS = ("delta", "gamma", "vega", "theta", "rho")
_UNITS = np.array(
    [1.0, 1.0, 1.0, 100.0, 365.0, 100.0]
)  # from its own: per vol point, per day, per rate point


def european_values(spot, strike, years, rate, dividend_yield, vol, sign):
    """Price and the five greeks it has."""
    flag = np.where(sign > 0.0, "c", "p")
    terms = (flag, spot, strike, years, rate, vol, dividend_yield)

    def call(backend):
        price = fast_vollib.fast_black_scholes_merton(*terms, backend=backend, return_as="numpy")
        greeks = fast_vollib.get_all_greeks(
            *terms, model="black_scholes_merton", backend=backend, return_as="dict"
        )
        return price, greeks

    def collect(answer):
        price, greeks = answer
        return np.array([price, *(greeks[name] for name in _GREEKS)]) * _UNITS[:, None]

    best = min(_BACKENDS, key=lambda backend: _seconds(call, backend))
    return lambda: call(best), collect, f"backend {best}"


def implied_vols(price, forward, strike, years, sign):
    """Its solver after Jaeckel, on undiscounted prices."""
    called = sign > 0.0

    def call():
        return jackel_iv_black(price, forward, strike, years, called)

    return call, np.asarray, "jackel_iv_black"


def _seconds(call, backend):
    call(backend)
    tries = []
    for _ in range(5):
        start = perf_counter()
        call(backend)
        tries.append(perf_counter() - start)
    return min(tries)
