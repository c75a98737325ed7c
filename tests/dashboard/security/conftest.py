"""A house of its own for each test, or one for a file of tests that leave it as it was."""

import pytest

from flatbook.dashboard.security.settings import SecuritySettings
from tests.dashboard.security.doors import House


@pytest.fixture
def house():
    """Users of every role, a clock that stands still."""
    made = House()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared():
    """A house that nobody changes, and that nobody is too quick for."""
    made = House(SecuritySettings(requests_burst=1e9))
    yield made
    made.close()


@pytest.fixture(scope="module")
def rosa(shared):
    """A risk officer in it."""
    return shared.enter("rosa")


@pytest.fixture(scope="module")
def toni(shared):
    """A trader in it."""
    return shared.enter("toni")
