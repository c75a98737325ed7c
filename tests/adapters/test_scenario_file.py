"""A scenario file says what it means, or every fault in it with its line."""

import pickle
from importlib.resources import files

import pytest

from flatbook.adapters.scenario_file.read import read_scenario
from flatbook.model.errors import FaultsError

GOOD = """
name = "mine"
title = "A day of mine"
cycle_s = 120.0

[prices]
rate = 0.03
hedges = []

[[prices.underlyings]]
symbol = "ABC"
spot = 50.0
classes = [{name = "ABC", strikes = 4, strike_spacing = 2.5}]
"""


@pytest.fixture
def write(tmp_path):
    """Write a scenario beside a desk."""
    desk = (files("flatbook.sim") / "desk.toml").read_bytes()
    (tmp_path / "desk.toml").write_bytes(desk)

    def to(text):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return path

    return to


def test_what_is_written_is_read_and_the_rest_has_its_default(write):
    """The desk comes along; both travel to another process."""
    file = read_scenario(write(GOOD))

    assert file.scenario.cycle_s == 120.0
    assert file.scenario.prices.rate == 0.03
    assert [one.symbol for one in file.scenario.prices.underlyings] == ["ABC"]
    assert file.scenario.prices.underlyings[0].classes[0].strikes == 4
    assert file.desk.desk.name
    assert pickle.loads(pickle.dumps(file)) == file  # noqa: S301 - our own


def test_the_hash_is_that_of_both_files(write):
    """A change of either is another scenario."""
    path = write(GOOD)
    first = read_scenario(path).text_hash
    assert read_scenario(path).text_hash == first

    desk = path.parent / "desk.toml"
    desk.write_text(desk.read_text() + "\n# more\n")
    assert read_scenario(path).text_hash != first


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("cycle_s", "cycel_s", ("line 4", "cycel_s", "did you mean cycle_s?")),
        ("cycle_s = 120.0", "cycle_s = 0.0", ("mine.toml", "cycle_s must be above 0")),
        ("cycle_s = 120.0", 'cycle_s = "fast"', ("line 4", "cycle_s")),
        ('title = "A day of mine"\n', "", ("title", "found nothing")),
        ("spot = 50.0", "spot = -50.0", ("line 10", "spot must be above 0")),
        ("strikes = 4", "strikes = 4.5", ("strikes", "int")),
        ("rate = 0.03", "rate = 0.03\nrate = 0.04", ("mine.toml", "TOML")),
        ("cycle_s = 120.0", 'desk = "none.toml"', ("desk", "none.toml", "desk file")),
        (GOOD, "[[[", ("mine.toml", "TOML")),
        ("[prices]\nrate = 0.03", "[prices]\nrat = 0.03", ("line 7", "unknown key", "did you mean rate?")),
        (GOOD[GOOD.index("[prices]") :], "", ("needs [prices]", "or [recorded]")),
        (
            GOOD[GOOD.index("[prices]") :],
            '[recorded]\npath = "nowhere"\nday = 2020-01-06\n',
            ("recorded.path", "nowhere", "where nothing is"),
        ),
        (
            GOOD[GOOD.index("[prices]") :],
            '[recorded]\npath = "nowhere"\nday = 2020-01-06\n[[flow.customers]]\nunderlying = "ABC"\n',
            ("[flow] beside [recorded]",),
        ),
    ],
    ids=lambda value: value[:16] if isinstance(value, str) else "",
)
def test_a_fault_is_told_with_its_place(write, old, new, told):
    """What was found, where."""
    assert old in GOOD
    with pytest.raises(FaultsError) as failed:
        read_scenario(write(GOOD.replace(old, new)))

    assert all(word in str(failed.value) for word in told), str(failed.value)


def test_faults_of_the_desk_are_told_too(write):
    """By its own reader."""
    path = write(GOOD)
    (path.parent / "desk.toml").write_text("nonsense = 1\n")

    with pytest.raises(FaultsError, match=r"desk\.toml"):
        read_scenario(path)
