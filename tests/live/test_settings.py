"""What a desk file says of the service: all of it or a fault that names the key; a batch plan of the same file takes no notice."""

from pathlib import Path

import pytest

from flatbook.adapters.desk_file.read import parse_desk
from flatbook.adapters.scenario_file.read import read_scenario
from flatbook.cli.simulate import find_scenario
from flatbook.live.settings import LiveSettings, document_of, table_of
from flatbook.model.errors import FaultsError


def _live(**keys):
    return table_of({"live": keys}, "live", LiveSettings, "desk.toml")


def test_without_a_table_the_defaults_hold():
    assert table_of({}, "live", LiveSettings, "x") == LiveSettings()
    assert document_of(None) == {}


def test_a_venue_is_a_host_and_a_port():
    assert _live(venue="[::1]:9100").address == ("[::1]", 9100)
    assert _live(venue="9100:9100").address == ("9100", 9100)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"speeed": 1.0}, "speeed"),
        ({"speed": 0.0}, "speed must be above 0"),
        ({"speed": "fast"}, "speed"),
        ({"publish_hz": float("inf")}, "publish_hz"),
        ({"cycle_min_ms": float("nan")}, "cycle_min_ms"),
        ({"cycle_min_ms": 50.0, "cycle_max_ms": 10.0}, "at most cycle_max_ms"),
        ({"keep_state_s": -1.0}, "keep_state_s"),
        ({"seed": -1}, "seed"),
        ({"log_level": "loud"}, "log_level"),
        ({"venue": "somewhere"}, "host:port"),
    ],
)
def test_what_cannot_be_meant_is_told(keys, told):
    with pytest.raises(FaultsError) as refused:
        _live(**keys)
    (fault,) = refused.value.faults
    assert told in fault.found
    assert fault.where == "desk.toml [live]"


@pytest.mark.parametrize("raw", [b"\xff", b"[live", b"live = [1, 2"])
def test_a_file_that_is_none_is_told(tmp_path, raw):
    path = tmp_path / "desk.toml"
    path.write_bytes(raw)
    with pytest.raises(FaultsError):
        document_of(path)
    with pytest.raises(FaultsError):
        document_of(tmp_path / "nosuch.toml")


def test_the_desk_itself_is_the_same_with_and_without_them():
    path = find_scenario("calm-day").parent / "desk.toml"
    raw = path.read_bytes()
    service = b"\n[live]\nspeed = 2.0\n[dashboard]\nport = 0\n"
    assert parse_desk(raw, "a").desk == parse_desk(raw + service, "a").desk
    assert read_scenario(find_scenario("calm-day")).desk.desk == parse_desk(raw, "a").desk


def test_every_key_has_a_line_in_the_documentation():
    text = (Path(__file__).parents[2] / "docs" / "run.md").read_text()
    assert [name for name in LiveSettings.__struct_fields__ if f"| `{name}` |" not in text] == []
