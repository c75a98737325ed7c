"""The page on file formats says what the readers do."""

from pathlib import Path

import pytest
from tests.adapters.samples import AT, an_option, write

from flatbook.adapters.files import cboe_eod, deribit_chain
from flatbook.adapters.files.fills import COLUMNS, read_fills
from flatbook.adapters.files.flatbook_instruments import OPTIONAL
from flatbook.adapters.files.flatbook_tables import REQUIRED
from flatbook.adapters.files.market import READERS
from flatbook.model.events import FillCorrected
from flatbook.model.table import InstrumentTable

PAGE = (Path(__file__).parents[2] / "docs" / "file-formats.md").read_text(encoding="utf-8")
WORDS = {
    *READERS,
    *cboe_eod.COLUMNS,
    *deribit_chain.COLUMNS,
    *OPTIONAL,
    *REQUIRED,
    *(column for columns in REQUIRED.values() for column in columns),
    *COLUMNS,
    *("capacity", "venue", "fee", "action", "refers_to", "bid_size", "ask_size"),
}


@pytest.mark.parametrize("word", sorted(WORDS))
def test_every_format_and_column_has_its_line(word: str) -> None:
    assert f"`{word}`" in PAGE


def test_the_example_of_fills_is_one(tmp_path: Path) -> None:
    text = PAGE.split("```csv\n")[1].split("```")[0]
    table = InstrumentTable(version=1, instruments=(an_option(),))
    fills = read_fills(write(tmp_path / "fills.csv", text), table=table, at_ns=AT)

    assert [type(event) is FillCorrected for event in fills.events] == [False, True]
