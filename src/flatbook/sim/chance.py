"""Random draws that stay the same from one release of numpy to the next.

Source: NumPy Enhancement Proposal 19: the raw stream of a bit generator is fixed, that of the distributions built on it
is not. So only the raw 64-bit words of PCG64 are read, and the distributions are built here.
"""

import hashlib
from collections.abc import Sequence
from math import log
from statistics import NormalDist
from typing import TypeVar

import numpy as np
from numpy.random import PCG64

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats

_NORMAL = NormalDist()
_BITS = 53  # of a float64's fraction
_Choice = TypeVar("_Choice")


class Chance:
    """One stream of draws from one seed, 0 or above."""

    def __init__(self, seed: int) -> None:
        if seed < 0:
            msg = f"seed: must be a whole number from 0, was {seed}"
            raise InvalidValueError(msg)
        self._raw = PCG64(seed)

    def share(self) -> float:
        """Uniform, strictly between 0 and 1."""
        return ((int(self._raw.random_raw()) >> (64 - _BITS)) + 0.5) / 2.0**_BITS

    def shares(self, count: int) -> Floats:
        """float64[count]: as so many calls of `share`."""
        raw = np.asarray(self._raw.random_raw(count), dtype=np.uint64)
        return np.asarray(((raw >> np.uint64(64 - _BITS)).astype(np.float64) + 0.5) / 2.0**_BITS)

    def normals(self, count: int) -> Floats:
        """float64[count]: standard normals, two of each pair of shares.

        Source: G. Box and M. Muller, "A note on the generation of random normal deviates", 1958.
        """
        pairs = (count + 1) // 2
        radius = np.sqrt(-2.0 * np.log(self.shares(pairs)))
        angle = 2.0 * np.pi * self.shares(pairs)
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]

    def between(self, low: float, high: float) -> float:
        """Uniform between `low` and `high`."""
        return low + (high - low) * self.share()

    def normal(self) -> float:
        """Standard normal."""
        return _NORMAL.inv_cdf(self.share())

    def wait(self, mean: float) -> float:
        """Exponential with this mean."""
        return -mean * log(self.share())

    def one_of(self, choices: Sequence[_Choice]) -> _Choice:
        """Any of `choices`, each as likely."""
        return choices[int(self.share() * len(choices))]

    def weighted(self, choices: Sequence[_Choice], weights: Sequence[float]) -> _Choice:
        """Any of `choices`, as likely as its weight."""
        left = self.share() * sum(weights)
        for choice, weight in zip(choices, weights, strict=True):
            left -= weight
            if left < 0.0:
                return choice
        return choices[-1]

    def some_of(self, count: int, choices: Sequence[_Choice]) -> list[_Choice]:
        """`count` different choices, in random order."""
        left = list(choices)
        return [left.pop(int(self.share() * len(left))) for _ in range(count)]


def stream(seed: int, name: str) -> Chance:
    """The draws of one authority, as prices or customers, of a seed: more draws of one never shift those of another."""
    if seed < 0:
        msg = f"seed: must be a whole number from 0, was {seed}"
        raise InvalidValueError(msg)
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    return Chance(int.from_bytes(digest, "big"))
