"""Damaged scenario files, parameters, rules of venues, and tables of a desk: read, or told as faults, and nothing else."""

from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.samples import AT, an_option, write
from tests.adapters.test_fuzz_files import QUIET, Damage, _damaged, _outcome, damage

from flatbook.adapters.files.candidates import read_candidates
from flatbook.adapters.files.cases import read_cases
from flatbook.adapters.files.orders import read_orders
from flatbook.adapters.files.positions import read_positions
from flatbook.adapters.files.reported import read_reported
from flatbook.adapters.margin_parameters.read import read_parameters
from flatbook.adapters.scenario_file.read import read_scenario
from flatbook.adapters.venue_rules.read import Venue, read_venue_rules
from flatbook.live.settings import LiveSettings, document_of, table_of
from flatbook.margin.requirement import Method
from flatbook.model.table import InstrumentTable

SCENARIOS = Path(str(files("flatbook.sim") / "scenarios"))
WORDS = st.sampled_from(
    ["nan", "inf", "-1", "0", "1e999", "9" * 40, "true", '""', "[]", "{}", '"x"', "[[1]]", "1979-05-27", '"\\u0000"', '"' + "x" * 300 + '"',
     '"../../x"', "[" * 3000 + "]" * 3000, "-0.0", "0x10", '"a\\nb"']
)  # fmt: skip
CASES = "right,strike,years,forward,rate,price\ncall,100,0.5,101,0.02,5\nput,90,1,101,0.02,\n"
ORDERS = "instrument,side,quantity,price\nSPXW190621C02900000,buy,5,75.10\nSPXW190621C02900000,sell,2,\n"
REPORTED = (
    "group,requirement,as_of,source\nSPX,125000,2019-05-03T14:30:00-04:00,OCC\ndesk,5,2019-05-03T14:30:00Z,\n"
)
POSITIONS = (
    "group,underlying,product_class,leverage,underlying_price,right,strike,years,exercise,price,vol,quantity,multiplier,rate,dividend_yield\n"
    "MM1,SPX,broad-index,1,2950,call,3050,0.13,european,12.30,,-50,100,0.024,0.019\n"
)
CANDIDATES = (
    "group,underlying,product_class,leverage,underlying_price,right,strike,years,exercise,price,vol,multiplier,rate,dividend_yield,"
    "bid,ask,bid_size,ask_size,fee\nMM1,SPX,broad-index,1,2950,call,3050,0.13,european,,,100,0.024,0.019,12.10,12.50,60,40,0.65\n"
)


@st.composite
def _other_values(draw, text):
    """A TOML file in which a few lines say something else, or stand elsewhere."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["value", "drop", "repeat", "cut"])):
            case "value":
                lines[at] = f"{lines[at].split('=')[0]}= {draw(WORDS)}"
            case "drop":
                lines[at] = ""
            case "repeat":
                lines.insert(draw(st.integers(0, len(lines))), lines[at])
            case "cut":
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
    return "\n".join(lines)


def _shipped(name: str) -> str:
    return (SCENARIOS / name).read_text(encoding="utf-8")


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The shipped scenarios with their desks, to be damaged."""
    for each in SCENARIOS.glob("*.toml"):
        (tmp_path / each.name).write_bytes(each.read_bytes())
    return tmp_path


NAMES = sorted(each.name for each in SCENARIOS.glob("*.toml") if "desk =" in each.read_text(encoding="utf-8"))


@given(st.data())
@QUIET
def test_a_scenario_that_says_something_else(world: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    file = world / "changed.toml"
    file.write_text(data.draw(_other_values(_shipped(name))), encoding="utf-8")
    assert _outcome(lambda: read_scenario(file))


@given(damage, st.sampled_from(NAMES))
@QUIET
def test_a_scenario_that_is_damaged(world: Path, changes: Damage, name: str) -> None:
    file = world / name
    file.write_bytes(_damaged((SCENARIOS / name).read_bytes(), changes))
    assert _outcome(lambda: read_scenario(file))


@pytest.mark.parametrize("key", ["base", "desk"])
@pytest.mark.parametrize(
    "value", ["x" * 400, "a\\u0000b", "../" * 2000 + "x", ".", "broken.toml", "bytes.toml"]
)
def test_a_scenario_that_names_no_file(world: Path, key: str, value: str) -> None:
    (world / "broken.toml").write_text("[[[", encoding="utf-8")
    (world / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    file = world / "changed.toml"
    file.write_text(f'{key} = "{value}"\n', encoding="utf-8")
    assert _outcome(lambda: read_scenario(file)) != "read"


@given(st.data(), st.sampled_from(Method))
@QUIET
def test_margin_parameters_that_say_something_else(
    tmp_path: Path, data: st.DataObject, method: Method
) -> None:
    names = [
        each for each in files("flatbook.adapters.margin_parameters").iterdir() if each.name.endswith(".toml")
    ]
    text = data.draw(st.sampled_from(sorted(names, key=lambda each: each.name))).read_text(encoding="utf-8")
    file = tmp_path / "changed.toml"
    file.write_text(data.draw(_other_values(text)), encoding="utf-8")
    assert _outcome(lambda: read_parameters(method, file))


@given(st.data(), st.sampled_from(Venue))
@QUIET
def test_rules_of_a_venue_that_say_something_else(tmp_path: Path, data: st.DataObject, venue: Venue) -> None:
    text = (files("flatbook.adapters.venue_rules") / f"{venue.value}.toml").read_text(encoding="utf-8")
    file = tmp_path / "changed.toml"
    file.write_text(data.draw(_other_values(text)), encoding="utf-8")
    assert _outcome(lambda: read_venue_rules(venue, file))


@given(st.data())
@QUIET
def test_settings_of_a_service_that_say_something_else(tmp_path: Path, data: st.DataObject) -> None:
    text = '[live]\nvenue = "127.0.0.1:9"\nspeed = 2.0\nseed = 3\ncycle_min_ms = 20.0\nlog_level = "info"\njournal = "x"\npublish_hz = 5.0\n'
    file = tmp_path / "desk.toml"
    file.write_text(data.draw(_other_values(text)), encoding="utf-8")
    assert _outcome(lambda: table_of(document_of(file), "live", LiveSettings, file.name))


@pytest.mark.parametrize(
    "raw",
    [b"\xff\xfe", b"\x00" * 9, b"a = " + b"[" * 50_000, b"a = " + b"{b = " * 20_000, b'a = "\xed\xa0\x80"'],
)
def test_text_that_is_no_toml(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "desk.toml"
    file.write_bytes(raw)
    for read in (
        lambda: document_of(file),
        lambda: read_scenario(file),
        lambda: read_parameters(Method.SPAN, file),
        lambda: read_venue_rules(Venue.CBOE, file),
    ):
        assert _outcome(read) != "read"


@given(damage)
@QUIET
def test_damaged_tables_of_a_desk(tmp_path: Path, changes: Damage) -> None:
    table = InstrumentTable(version=1, instruments=(an_option(),))
    for text, read in (
        (ORDERS, lambda file: read_orders(file, table=table, at_ns=AT)),
        (REPORTED, lambda file: read_reported(file, AT)),
        (CASES, lambda file: read_cases(file, implied=True)),
        (CASES, lambda file: read_cases(file, implied=False)),
        (POSITIONS, lambda file: read_positions(file, Method.RISK_BASED_HAIRCUT)),
        (POSITIONS, lambda file: read_positions(file, Method.SPAN)),
        (CANDIDATES, lambda file: read_candidates(file, Method.RISK_BASED_HAIRCUT, {"MM1": None})),
    ):
        file = write(tmp_path / "t.csv", text)
        file.write_bytes(_damaged(file.read_bytes(), changes))
        assert _outcome(lambda file=file, read=read: read(file))
