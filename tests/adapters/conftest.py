"""Where the real market data lies, for tests that check against it."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def market_data() -> Path:
    """The folder of real market data; the test is skipped where it is absent."""
    beside = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
    folder = Path(os.environ.get("FLATBOOK_DATA", str(beside)))
    if not folder.is_dir():
        pytest.skip(f"no real market data at {folder}; set FLATBOOK_DATA to its folder to run this test")
    return folder
