"""Two options that take gamma and vega to zero, and the delta they bring.

Source: Hull, "Options, Futures, and Other Derivatives", ch. 19 (gamma and vega neutrality); domain reference V13.
"""

from typing import NamedTuple


class OptionRisk(NamedTuple):
    """Delta, gamma and vega of one contract, in the units of the book."""

    delta: float
    gamma: float
    vega: float


class Neutral(NamedTuple):
    """Contracts of each option, and the delta of the book once they are in it."""

    first: float
    second: float
    delta_after: float


def gamma_vega_neutral(book: OptionRisk, first: OptionRisk, second: OptionRisk) -> Neutral | None:
    """Contracts of two options that leave the book without gamma and vega.

    Returns
    -------
    Neutral or None
        None where the two options are too alike to tell gamma from vega.
    """
    determinant = first.gamma * second.vega - second.gamma * first.vega
    scale = abs(first.gamma * second.vega) + abs(second.gamma * first.vega)
    if not abs(determinant) > 1e-9 * scale:
        return None
    n_first = (-book.gamma * second.vega + book.vega * second.gamma) / determinant
    n_second = (-book.vega * first.gamma + book.gamma * first.vega) / determinant
    return Neutral(n_first, n_second, book.delta + n_first * first.delta + n_second * second.delta)
