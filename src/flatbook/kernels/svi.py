"""Raw SVI: one expiry's total variance in five numbers, its slopes, its jump-wings form, and its fit.

Sources: J. Gatheral and A. Jacquier, "Arbitrage-free SVI volatility surfaces", Quantitative Finance 14 (2014) 59-71,
sections 3.1 (raw), 3.3 (jump wings) and 5.1 (butterfly repair); the fit is damped least squares (D. Marquardt, SIAM J.
Appl. Math. 11 (1963) 431-441) with the bounds of raw SVI met by change of variable.
Raw parameters stand in the order A, B, RHO, M, S: w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + s^2)).
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

A, B, RHO, M, S = range(5)  # raw parameters
VARIANCE, SKEW, PUT_WING, CALL_WING, VARIANCE_MIN = range(5)  # jump wings

_NAN = math.nan
_RHO_MAX = 0.999
S_MIN = 0.1  # of one standard deviation: a sharper vertex escapes the checking grids
_LOW_MIN = 1e-4  # the lowest variance the fit allows, in units of that at the money
_TRIES = 8  # of ever shorter steps
_WING_MAX = 0.995  # of b, which with 1 + |rho| <= 2 keeps Lee's bound of 2


@njit(cache=True, error_model="numpy")
def svi_at(a: float, b: float, rho: float, m: float, s: float, k: float) -> tuple[float, float, float]:
    """Total variance at `k` and its first and second derivative in `k`."""
    x = k - m
    root = math.sqrt(x * x + s * s)
    return a + b * (rho * x + root), b * (rho + x / root), b * s * s / (root * root * root)


@njit(cache=True, error_model="numpy")
def svi_total_variance(parameters: Floats, log_moneyness: Floats) -> Floats:
    """Total variance, float64[n], of raw parameters float64[5] at ln(K/F); NaN outside b >= 0, |rho| < 1, s > 0."""
    out = np.full(log_moneyness.size, _NAN)
    a, b, rho, m, s = parameters
    if not (b >= 0.0 and abs(rho) < 1.0 and s > 0.0):
        return out
    for i in range(log_moneyness.size):
        out[i] = svi_at(a, b, rho, m, s, log_moneyness[i])[0]
    return out


@njit(cache=True, error_model="numpy")
def jump_wings_of(parameters: Floats, years: float) -> Floats:
    """Jump wings of raw parameters, both float64[5]: v, psi, p, c and the lowest v; NaN where w(0) is not above zero."""
    out = np.full(5, _NAN)
    a, b, rho, m, s = parameters
    w = svi_at(a, b, rho, m, s, 0.0)[0]
    if not (w > 0.0 and years > 0.0 and abs(rho) < 1.0):
        return out
    root = math.sqrt(w)
    out[VARIANCE] = w / years
    out[SKEW] = 0.5 * b / root * (rho - m / math.sqrt(m * m + s * s))
    out[PUT_WING] = b * (1.0 - rho) / root
    out[CALL_WING] = b * (1.0 + rho) / root
    out[VARIANCE_MIN] = (a + b * s * math.sqrt(1.0 - rho * rho)) / years
    return out


@njit(cache=True, error_model="numpy")
def raw_of_jump_wings(jump_wings: Floats, years: float) -> Floats:
    """Raw parameters of jump wings, both float64[5]; NaN where none have them (Gatheral and Jacquier, lemma 3.2)."""
    out = np.full(5, _NAN)
    v, psi, p, c, v_low = jump_wings
    root = math.sqrt(v * years)
    b = 0.5 * root * (c + p)
    rho = 1.0 - p * root / b
    beta = rho - 2.0 * psi * root / b
    if not (b > 0.0 and abs(rho) < 1.0 and abs(beta) <= 1.0):
        return out
    flat = math.sqrt(1.0 - rho * rho)
    if beta == 0.0:  # the formula's limit for m = 0
        m, s = 0.0, (v - v_low) * years / (b * (1.0 - flat))
    else:
        alpha = math.copysign(math.sqrt(1.0 / (beta * beta) - 1.0), beta)
        under = -rho + math.copysign(math.sqrt(1.0 + alpha * alpha), alpha) - alpha * flat
        m = (v - v_low) * years / (b * under)
        s = alpha * m
    if not s > 0.0:
        return out
    out[A], out[B], out[RHO], out[M], out[S] = v_low * years - b * s * flat, b, rho, m, s
    return out


@njit(cache=True, error_model="numpy")
def repaired_jump_wings(jump_wings: Floats) -> Floats:
    """The jump wings, float64[5], without butterfly arbitrage that keep v, psi and p (Gatheral and Jacquier, 5.1).

    The call wing becomes p + 2 psi and the lowest variance v * 4 p c / (p + c)^2, as in SSVI.
    """
    out = jump_wings.copy()
    p = jump_wings[PUT_WING]
    c = p + 2.0 * jump_wings[SKEW]
    out[CALL_WING] = c
    out[VARIANCE_MIN] = jump_wings[VARIANCE] * 4.0 * p * c / ((p + c) * (p + c))
    return out


@njit(cache=True, error_model="numpy")
def scaled(parameters: Floats, variance: float) -> Floats:
    """Raw parameters in units of one standard deviation: of k / sqrt(variance) and w / variance; float64[5]."""
    deviation = math.sqrt(variance)
    out = parameters.copy()
    out[A] /= variance
    out[B] /= deviation
    out[M] /= deviation
    out[S] /= deviation
    return out


@njit(cache=True, error_model="numpy")
def unscaled(parameters: Floats, variance: float) -> Floats:
    """The inverse of `scaled`, float64[5]."""
    deviation = math.sqrt(variance)
    out = parameters.copy()
    out[A] *= variance
    out[B] *= deviation
    out[M] *= deviation
    out[S] *= deviation
    return out


@njit(cache=True, error_model="numpy")
def band_pull(
    value: float, low: float, centre: float, high: float, weight: float, centring: float
) -> tuple[float, float]:
    """Weight and target of the parabola that touches a band's loss at `value`.

    Inside the band only a share `centring` of the weight draws to its centre (none where that is NaN). Outside, the full weight draws to the
    nearer edge, and from one half-spread (1 / sqrt(weight)) on it grows no further (P. Huber, 1964): a wild quote
    counts as much as a bad one.
    """
    edge = min(max(value, low), high)
    away = abs(value - edge) * math.sqrt(weight)
    full = 0.0 if value == edge else weight if away <= 1.0 else weight / away
    gentle = centring * weight / max(1.0, away) if centre > 0.0 else 0.0
    if gentle == 0.0:
        return full, edge
    return full + gentle, (full * edge + gentle * centre) / (full + gentle)


@njit(cache=True, error_model="numpy")
def band_cost(value: float, low: float, centre: float, high: float, weight: float, centring: float) -> float:
    """Loss of `band_pull`, in squared half-spreads."""
    edge = min(max(value, low), high)
    away = abs(value - edge) * math.sqrt(weight)
    outside = away * away if away <= 1.0 else 2.0 * away - 1.0
    if not centre > 0.0:
        return outside
    aside = abs(edge - centre) * math.sqrt(weight) + away
    return outside + centring * aside * aside / max(1.0, away)


@njit(cache=True, error_model="numpy")
def fit_svi(
    z: Floats,
    low: Floats,
    centre: Floats,
    high: Floats,
    weight: Floats,
    start: Floats,
    deviation: float,
    rounds: int,
) -> Floats:
    """Raw SVI nearest to bands of scaled variance, by damped least squares.

    Parameters
    ----------
    z : float64[n]
        ln(K/F) over one standard deviation.
    low, centre, high : float64[n]
        Total variance of bid, middle and offer over that at the money; `high` may be infinite.
    weight : float64[n]
        1 / half-spread^2 of the same units.
    start : float64[5]
        Scaled raw parameters, inside their bounds; weakly, also what the answer is drawn to.
    deviation : float
        sqrt(total variance) at the money: it bounds the wings.
    rounds : int
        The most steps taken.

    Returns
    -------
    float64[5]
        Scaled raw parameters with a lowest variance above zero and wings within Lee's bound.
    """
    wing = _WING_MAX / deviation
    x = _free_of(start, wing)
    origin = x.copy()
    cost = _cost(x, origin, wing, z, low, centre, high, weight)
    damping = 1e-3
    for _ in range(rounds):
        matrix, right = _normal_equations(x, origin, wing, z, low, centre, high, weight)
        improved = False
        for _ in range(_TRIES):
            step = damped_step(matrix, right, damping)
            trial = x + step
            trial_cost = _cost(trial, origin, wing, z, low, centre, high, weight)
            if trial_cost < cost:
                improved = True
                break
            damping *= 8.0
        if not improved:
            break
        gain = cost - trial_cost
        x, cost = trial, trial_cost
        damping = max(damping * 0.2, 1e-9)
        if gain < 1e-4 * (cost + 1e-3 * z.size):
            break
    return _raw_of(x, wing)


CENTRING = 0.1  # of a quote's weight, that draws to the middle of its band
_RIDGE = 1e-3  # per unit of the free variables, in squared half-spreads


@njit(cache=True, error_model="numpy")
def _free_of(raw: Floats, wing: float) -> Floats:
    """Unbounded variables of scaled raw parameters: ln lowest variance, logit b, artanh rho, m, ln s."""
    x = np.empty(5)
    rho = min(max(raw[RHO], -0.99), 0.99)
    b = min(max(raw[B], 1e-4 * wing, 1e-4), 0.99 * wing)
    s = max(raw[S], 1.1 * S_MIN)
    lowest = max(raw[A] + raw[B] * raw[S] * math.sqrt(1.0 - raw[RHO] * raw[RHO]), 2.0 * _LOW_MIN)
    x[0] = math.log(lowest - _LOW_MIN)
    x[1] = math.log(b / wing / (1.0 - b / wing))
    x[2] = math.atanh(rho / _RHO_MAX)
    x[3] = raw[M]
    x[4] = math.log(s - S_MIN)
    return x


@njit(cache=True, error_model="numpy")
def _bounded(x: Floats, wing: float) -> tuple[float, float, float, float, float]:
    """Lowest variance, b, rho, m, s."""
    lowest = _LOW_MIN + math.exp(min(x[0], 300.0))
    b = wing / (1.0 + math.exp(min(-x[1], 300.0)))
    return lowest, b, _RHO_MAX * math.tanh(x[2]), x[3], S_MIN + math.exp(min(x[4], 300.0))


@njit(cache=True, error_model="numpy")
def _raw_of(x: Floats, wing: float) -> Floats:
    lowest, b, rho, m, s = _bounded(x, wing)
    out = np.empty(5)
    out[A], out[B], out[RHO], out[M], out[S] = lowest - b * s * math.sqrt(1.0 - rho * rho), b, rho, m, s
    return out


@njit(cache=True, error_model="numpy")
def _cost(
    x: Floats,
    origin: Floats,
    wing: float,
    z: Floats,
    low: Floats,
    centre: Floats,
    high: Floats,
    weight: Floats,
) -> float:
    lowest, b, rho, m, s = _bounded(x, wing)
    a = lowest - b * s * math.sqrt(1.0 - rho * rho)
    total = 0.0
    for i in range(z.size):
        value = svi_at(a, b, rho, m, s, z[i])[0]
        total += band_cost(value, low[i], centre[i], high[i], weight[i], CENTRING)
    for j in range(5):
        total += _RIDGE * (x[j] - origin[j]) * (x[j] - origin[j])
    return total


@njit(cache=True, error_model="numpy")
def _normal_equations(
    x: Floats,
    origin: Floats,
    wing: float,
    z: Floats,
    low: Floats,
    centre: Floats,
    high: Floats,
    weight: Floats,
) -> tuple[Floats, Floats]:
    lowest, b, rho, m, s = _bounded(x, wing)
    flat = math.sqrt(1.0 - rho * rho)
    chain_b = b * (1.0 - b / wing)
    chain_rho = _RHO_MAX - rho * rho / _RHO_MAX
    matrix = np.zeros((5, 5))
    right = np.zeros(5)
    slope = np.empty(5)
    for i in range(z.size):
        gap = z[i] - m
        root = math.sqrt(gap * gap + s * s)
        shape = rho * gap + root - s * flat
        value = lowest + b * shape
        pull, target = band_pull(value, low[i], centre[i], high[i], weight[i], CENTRING)
        slope[0] = lowest - _LOW_MIN
        slope[1] = shape * chain_b
        slope[2] = b * (gap + s * rho / flat) * chain_rho
        slope[3] = -b * (rho + gap / root)
        slope[4] = b * (s / root - flat) * (s - S_MIN)
        for j in range(5):
            weighted = pull * slope[j]
            right[j] += weighted * (target - value)
            for n in range(j + 1):
                matrix[j, n] += weighted * slope[n]
    for j in range(5):
        matrix[j, j] += _RIDGE
        right[j] += _RIDGE * (origin[j] - x[j])
    return matrix, right


@njit(cache=True, error_model="numpy")
def damped_step(matrix: Floats, right: Floats, damping: float) -> Floats:
    """Solve (matrix + damping * its diagonal) step = right by Cholesky from the lower triangle; at most 3 a variable."""
    n = right.size
    lower = np.zeros((n, n))
    step = right.copy()
    for j in range(n):
        pivot = matrix[j, j] * (1.0 + damping)
        for q in range(j):
            pivot -= lower[j, q] * lower[j, q]
        if not pivot > 0.0:
            return np.zeros(n)
        lower[j, j] = math.sqrt(pivot)
        for i in range(j + 1, n):
            total = matrix[i, j]
            for q in range(j):
                total -= lower[i, q] * lower[j, q]
            lower[i, j] = total / lower[j, j]
    for j in range(n):
        for q in range(j):
            step[j] -= lower[j, q] * step[q]
        step[j] /= lower[j, j]
    for j in range(n - 1, -1, -1):
        for q in range(j + 1, n):
            step[j] -= lower[q, j] * step[q]
        step[j] /= lower[j, j]
    longest = 0.0
    for j in range(n):
        longest = max(longest, abs(step[j]))
    return step * min(1.0, 3.0 / longest) if longest > 0.0 else step
