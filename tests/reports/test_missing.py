"""What is not finite becomes null, and keeps its reason."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.model.measures import N_MEASURES
from flatbook.reports.missing import Missing


@given(st.lists(st.floats(), max_size=12))
def test_a_column_keeps_what_is_finite_and_explains_the_rest(values):
    """One reason for the column, and only where something is missing."""
    missing = Missing()
    column = missing.numbers(np.array(values), "quotes.series[*].vol", "no smile")

    assert [value if np.isfinite(value) else None for value in values] == column
    assert (None in column) == bool(missing.reasons())


def test_a_row_of_which_nothing_is_known_has_one_reason():
    """Not ten times the same."""
    missing = Missing()
    told = missing.measures(np.full(N_MEASURES, np.nan), "a.measures", "no price")

    assert told.delta_usd is None
    assert [("a.measures", "no price")] == [(one.path, one.reason) for one in missing.reasons()]


def test_a_null_without_a_reason_is_our_bug():
    """It stops there."""
    with pytest.raises(AssertionError, match="without a reason"):
        Missing().number(float("nan"), "a.b", "")
