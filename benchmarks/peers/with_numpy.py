"""A peer that needs nothing but numpy: what the tests of the pipe talk to."""


def sums(numbers):
    """The sum of all numbers."""
    return numbers.sum, lambda total: [total], "numpy"
