"""The desk file names the history of closes."""

import pytest
from tests.desk_file.example import VALID, parsed

from flatbook.model.errors import FaultsError


def test_the_path_is_kept_as_written():
    text = VALID.replace('index = "SPX"', 'index = "SPX"\nhistory = "data/closes.csv"')

    assert parsed(text).history == "data/closes.csv"
    assert parsed(VALID).history == ""


def test_what_is_no_text_is_a_fault():
    with pytest.raises(FaultsError, match="history: found 3"):
        parsed(VALID.replace('index = "SPX"', 'index = "SPX"\nhistory = 3'))
