"""One short day for all tests of the pages."""

import pytest

from tests.dashboard.worlds import pictures_of, stage_of


@pytest.fixture(scope="session")
def pictures():
    """Snapshots of two minutes of one-sided call buying."""
    return pictures_of(stage_of(minutes=2.0))


@pytest.fixture(scope="session")
def picture(pictures):
    """The last of them."""
    return pictures[-1]
