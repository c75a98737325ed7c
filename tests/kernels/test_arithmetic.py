"""Exponential, logarithm and Mills ratio against 40 digits, and their coefficients against a fit made anew."""

import math

import mpmath
import numpy as np
import pytest
from tests.naive import european as naive

from flatbook.kernels import arithmetic
from flatbook.kernels.arithmetic import (
    LARGEST,
    LN2,
    SMALLEST,
    double_atanh,
    exponential,
    is_small_step,
    log_ratio,
    mills_drop,
    mills_pair,
    mills_ratio,
    ratio_parts,
)


def error(found, exact):
    """Relative, in 40 digits."""
    with mpmath.workdps(40):
        return abs(float(mpmath.mpf(float(found)) / exact - 1))


@pytest.mark.parametrize("name", ["exponential", "logarithm"])
def test_coefficients_are_those_of_a_new_fit(name):
    assert naive.fitted(name) == getattr(arithmetic, name.upper())


def test_coefficients_of_the_mills_ratio_are_those_of_a_new_fit():
    assert naive.fitted("mills") == (arithmetic.MILLS_TOP, arithmetic.MILLS_BOTTOM)


def test_the_exponential_keeps_its_digits():
    points = np.concatenate([np.linspace(-708.0, 709.0, 701), np.linspace(-1.0, 1.0, 301)])
    with mpmath.workdps(40):
        worst = max(error(exponential(x), mpmath.exp(mpmath.mpf(float(x)))) for x in points)

    assert worst < 4e-16


def test_the_exponential_ends_in_zero_and_passes_nan_on():
    assert [exponential(x) for x in (-708.5, -1e5, -math.inf, 0.0, -0.0)] == [0.0, 0.0, 0.0, 1.0, 1.0]
    assert exponential(1e4) == exponential(709.0)
    assert math.isnan(exponential(math.nan))


@pytest.mark.parametrize("bottom", [1.0, 1.37, 99.5, 1e-12])
def test_the_logarithm_keeps_its_digits(bottom):
    ratios = [
        *np.geomspace(1e-9, 1e9, 401),
        *(1.0 + np.geomspace(1e-15, 0.9, 201)),
        *np.linspace(0.5, 2, 203),
    ]
    tops = [top for top in (bottom * ratio for ratio in ratios) if top != bottom]
    with mpmath.workdps(40):
        exact = [mpmath.log(mpmath.mpf(float(top)) / mpmath.mpf(bottom)) for top in tops]

    assert max(error(log_ratio(top, bottom), e) for top, e in zip(tops, exact, strict=True)) < 5e-16


@pytest.mark.parametrize(("top", "bottom"), [(SMALLEST, LARGEST), (LARGEST, SMALLEST), (1.0, SMALLEST)])
def test_the_logarithm_spans_all_numbers(top, bottom):
    assert pytest.approx(math.log(top) - math.log(bottom), rel=1e-15) == log_ratio(top, bottom)


def test_the_logarithm_of_one_is_zero_and_nan_stays():
    assert log_ratio(97.3, 97.3) == 0.0
    assert math.isnan(log_ratio(math.nan, 1.0))
    assert math.isnan(log_ratio(1.0, math.nan))


@pytest.mark.parametrize("z", [-0.2, -1e-3, 1e-9, 0.07, 0.2])
def test_the_double_arc_is_that_of_the_library(z):
    assert pytest.approx(2.0 * math.atanh(z), rel=4e-16) == double_atanh(z)


def test_the_mills_ratio_keeps_its_digits():
    points = np.concatenate([np.linspace(0.0, 8.0, 401), np.linspace(8.0, 40.0, 161)])
    with mpmath.workdps(40):
        worst = max(error(mills_ratio(x), naive.mills_ratio(float(x))) for x in points)

    assert worst < 1e-15


def test_the_mills_ratio_goes_on_as_one_over_x():
    assert pytest.approx(1e-20, rel=1e-11) == mills_ratio(1e20)
    assert math.isnan(mills_ratio(math.nan))


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.3), (0.7, 0.7), (1.0, 38.0), (2.0, 1e12), (1e12, 1e12)])
def test_two_mills_ratios_share_a_division(x, y):
    first, second, factor = mills_pair(x, y)

    assert pytest.approx(mills_ratio(x), rel=1e-15) == factor * first
    assert pytest.approx(mills_ratio(y), rel=1e-15) == factor * second


@pytest.mark.parametrize(("top", "bottom"), [(1.0, 0.97), (1.0, 1e-300), (3.0, 17.0), (LARGEST, SMALLEST)])
def test_the_parts_of_a_ratio_make_its_logarithm(top, bottom):
    gap, total, twos = ratio_parts(top, bottom)

    assert abs(gap / total) < 0.2
    assert twos == round(twos)
    assert pytest.approx(log_ratio(top, bottom), rel=4e-16) == twos * LN2 + double_atanh(gap / total)


@pytest.mark.parametrize("far", [0.0, 0.01, 0.4, 3.0, 11.0, 32.0, 38.0])
@pytest.mark.parametrize("step", [1e-12, 1e-5, 0.003, 0.0156, 0.0157, 0.03, 0.2, 3.0])
def test_the_drop_of_the_mills_ratio_keeps_its_digits(far, step):
    """By the series where the step is small, else by the difference, whose last digits a small step of 1/64 costs."""
    small = is_small_step(far, step)
    if not (small or far >= step):
        far = step  # a large step must not pass zero
    with mpmath.workdps(40):
        start, end = mpmath.mpf(far) - mpmath.mpf(step), mpmath.mpf(far)
        exact = naive.mills_ratio(start) - naive.mills_ratio(end)
    below, above, factor = mills_pair(far - step if far > step else 0.0, far)
    found = 0.5 * mills_drop(far, 2.0 * mills_ratio(far), step, 2.0) if small else factor * (below - above)

    assert error(found, exact) < 1e-12


def test_a_step_is_small_below_a_64th_and_the_reciprocal_of_the_distance():
    assert [is_small_step(far, 0.0156) for far in (0.0, 64.0, 65.0)] == [True, True, False]
    assert not is_small_step(0.0, 0.0157)
    assert not is_small_step(0.0, math.nan)
