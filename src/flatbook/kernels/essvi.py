"""Extended SSVI: three numbers an expiry, free of butterfly and calendar arbitrage by construction.

w(k) = theta / 2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)), with psi = theta phi.
Sources: S. Hendriks and C. Martini, "The extended SSVI volatility surface", J. Computational Finance 22 (2019); J.
Corbetta, P. Cohort, I. Laachir and C. Martini, "Robust calibration and arbitrage-free interpolation of SSVI slices",
Decisions in Economics and Finance 42 (2019) 665-677; A. Mingone, "No arbitrage global parametrization for the eSSVI
volatility surface", Quantitative Finance 22 (2022) 2205-2217, whose bounds the fit uses.
A slice is float64[3]: THETA, RHO, PSI.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.svi import CENTRING, band_cost, band_pull, damped_step

Floats = NDArray[np.float64]

THETA, SSVI_RHO, PSI = range(3)

_RHO_MAX = 0.98
_INSIDE = 0.9999  # of each bound, against rounding
_RIDGE = 1e-2  # per unit of the free variables, in squared half-spreads
_STEP = 1e-5
_TRIES = 12  # of ever shorter steps


@njit(cache=True, error_model="numpy")
def ssvi_at(theta: float, rho: float, phi: float, k: float) -> float:
    """Total variance of one SSVI slice at `k`."""
    x = phi * k + rho
    return 0.5 * theta * (1.0 + rho * phi * k + math.sqrt(x * x + 1.0 - rho * rho))


@njit(cache=True, error_model="numpy")
def raw_of_ssvi(piece: Floats) -> Floats:
    """Raw SVI parameters, float64[5], of a slice (Gatheral and Jacquier 2014, section 3.2)."""
    theta, rho, psi = piece
    phi = psi / theta
    out = np.empty(5)
    out[0] = 0.5 * theta * (1.0 - rho * rho)
    out[1] = 0.5 * psi
    out[2] = rho
    out[3] = -rho / phi
    out[4] = math.sqrt(1.0 - rho * rho) / phi
    return out


@njit(cache=True, error_model="numpy")
def is_butterfly_free(piece: Floats) -> bool:
    """Whether psi (1 + |rho|) <= 4 and psi^2 (1 + |rho|) <= 4 theta (Gatheral and Jacquier 2014, theorem 4.2)."""
    theta, rho, psi = piece
    steep = 1.0 + abs(rho)
    return bool(
        theta > 0.0
        and abs(rho) < 1.0
        and psi > 0.0
        and psi * steep <= 4.0
        and psi * psi * steep <= 4.0 * theta
    )


@njit(cache=True, error_model="numpy")
def is_calendar_free(sooner: Floats, later: Floats) -> bool:
    """Whether `later` lies above `sooner` at every strike, by the sufficient condition of Corbetta et al. (2019).

    theta grows, psi grows at least by the larger ratio of 1 +- rho, and phi = psi / theta does not grow.
    """
    rise = wing_ratio(sooner[SSVI_RHO], later[SSVI_RHO])
    return bool(
        later[THETA] >= sooner[THETA]
        and later[PSI] >= sooner[PSI] * rise
        and later[PSI] * sooner[THETA] <= sooner[PSI] * later[THETA]
    )


@njit(cache=True, error_model="numpy")
def wing_ratio(rho_sooner: float, rho_later: float) -> float:
    """How much psi must grow so that neither wing falls: the larger of (1 +- rho_sooner) / (1 +- rho_later)."""
    return max((1.0 + rho_sooner) / (1.0 + rho_later), (1.0 - rho_sooner) / (1.0 - rho_later))


@njit(cache=True, error_model="numpy")
def fit_essvi(
    k: Floats,
    low: Floats,
    centre: Floats,
    high: Floats,
    weight: Floats,
    sooner: Floats,
    start: Floats,
    rounds: int,
) -> Floats:
    """The slice nearest to bands of total variance that `sooner` and its own strikes allow, by damped least squares.

    Parameters
    ----------
    k : float64[n]
        ln(K/F).
    low, centre, high : float64[n]
        Total variance of bid, middle and offer; `high` may be infinite.
    weight : float64[n]
        1 / half-spread^2 of the same units.
    sooner : float64[3]
        The slice before; THETA 0 where this is the first.
    start : float64[3]
        A guess, weakly also what the answer is drawn to.
    rounds : int
        The most steps taken.

    Returns
    -------
    float64[3]
        Meets `is_butterfly_free`, and `is_calendar_free` with `sooner`.
    """
    x = _free_of(_piece_of(_free_of(start), sooner))
    origin = x.copy()
    cost = _cost(x, origin, sooner, k, low, centre, high, weight)
    damping = 1e-3
    for _ in range(rounds):
        matrix, right = _normal_equations(x, origin, sooner, k, low, centre, high, weight)
        improved = False
        for _ in range(_TRIES):
            trial = x + damped_step(matrix, right, damping)
            trial_cost = _cost(trial, origin, sooner, k, low, centre, high, weight)
            if trial_cost < cost:
                improved = True
                break
            damping *= 8.0
        if not improved:
            break
        gain = cost - trial_cost
        x, cost = _free_of(_piece_of(trial, sooner)), trial_cost
        damping = max(damping * 0.2, 1e-9)
        if gain < 1e-3 * (cost + 1e-3 * k.size):
            break
    return _piece_of(x, sooner)


@njit(cache=True, error_model="numpy")
def _theta_min(rho: float, sooner: Floats) -> float:
    """The least theta for which a psi exists that both conditions allow."""
    rise = wing_ratio(sooner[SSVI_RHO], rho)
    tight = sooner[PSI] * rise
    return float(max(rise * sooner[THETA], 0.25 * tight * tight * (1.0 + abs(rho)) / (_INSIDE * _INSIDE)))


@njit(cache=True, error_model="numpy")
def _psi_bounds(theta: float, rho: float, sooner: Floats) -> tuple[float, float]:
    steep = 1.0 + abs(rho)
    most = _INSIDE * min(4.0 / steep, 2.0 * math.sqrt(theta / steep))
    if not sooner[THETA] > 0.0:
        return 1e-3 * most, most
    least = sooner[PSI] * wing_ratio(sooner[SSVI_RHO], rho)
    most = min(most, sooner[PSI] / sooner[THETA] * theta)
    return min(least, most), most


@njit(cache=True, error_model="numpy")
def _piece_of(x: Floats, sooner: Floats) -> Floats:
    """The slice of ln theta, artanh rho and ln psi, each moved to its nearest bound."""
    out = np.empty(3)
    rho = _RHO_MAX * math.tanh(x[1])
    if sooner[THETA] > 0.0:  # the wings may not fall by a psi that its own bound of 4 forbids
        while sooner[PSI] * wing_ratio(sooner[SSVI_RHO], rho) * (1.0 + abs(rho)) > 4.0 * _INSIDE and (
            abs(rho - sooner[SSVI_RHO]) > 1e-9
        ):
            rho = 0.5 * (rho + sooner[SSVI_RHO])
    theta = max(_theta_min(rho, sooner), math.exp(min(max(x[0], -60.0), 50.0)))
    least, most = _psi_bounds(theta, rho, sooner)
    out[THETA], out[SSVI_RHO] = theta, rho
    out[PSI] = min(max(math.exp(min(max(x[2], -60.0), 50.0)), least), most)
    return out


@njit(cache=True, error_model="numpy")
def _free_of(piece: Floats) -> Floats:
    x = np.empty(3)
    x[0] = math.log(piece[THETA])
    x[1] = math.atanh(min(max(piece[SSVI_RHO] / _RHO_MAX, -0.9999), 0.9999))
    x[2] = math.log(piece[PSI])
    return x


@njit(cache=True, error_model="numpy")
def _cost(
    x: Floats,
    origin: Floats,
    sooner: Floats,
    k: Floats,
    low: Floats,
    centre: Floats,
    high: Floats,
    weight: Floats,
) -> float:
    theta, rho, psi = _piece_of(x, sooner)
    phi = psi / theta
    total = 0.0
    for i in range(k.size):
        value = ssvi_at(theta, rho, phi, k[i])
        total += band_cost(value, low[i], centre[i], high[i], weight[i], CENTRING)
    for j in range(3):
        total += _RIDGE * (x[j] - origin[j]) * (x[j] - origin[j])
    return total


@njit(cache=True, error_model="numpy")
def _normal_equations(
    x: Floats,
    origin: Floats,
    sooner: Floats,
    k: Floats,
    low: Floats,
    centre: Floats,
    high: Floats,
    weight: Floats,
) -> tuple[Floats, Floats]:
    """Slopes by forward differences: there are kinks where a bound takes over."""
    pieces = np.empty((4, 3))
    pieces[0] = _piece_of(x, sooner)
    for j in range(3):
        moved = x.copy()
        moved[j] += _STEP
        pieces[j + 1] = _piece_of(moved, sooner)
    matrix = np.zeros((3, 3))
    right = np.zeros(3)
    slope = np.empty(3)
    for i in range(k.size):
        value = ssvi_at(pieces[0, 0], pieces[0, 1], pieces[0, 2] / pieces[0, 0], k[i])
        pull, target = band_pull(value, low[i], centre[i], high[i], weight[i], CENTRING)
        for j in range(3):
            piece = pieces[j + 1]
            slope[j] = (ssvi_at(piece[0], piece[1], piece[2] / piece[0], k[i]) - value) / _STEP
        for j in range(3):
            right[j] += pull * slope[j] * (target - value)
            for n in range(j + 1):
                matrix[j, n] += pull * slope[j] * slope[n]
    for j in range(3):
        matrix[j, j] += _RIDGE
        right[j] += _RIDGE * (origin[j] - x[j])
    return matrix, right
