"""Parameters of the capital methods: packaged files, a user's file over them, and what is wrong with it."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from flatbook.adapters.margin_parameters.read import PARAMETERS, read_parameters, read_parameters_as
from flatbook.margin.requirement import Method
from flatbook.margin.tims_parameters import TimsParameters
from flatbook.model.errors import FaultsError

_RBH = Method.RISK_BASED_HAIRCUT


def _read(tmp_path: Path, text: str) -> TimsParameters:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return read_parameters_as(TimsParameters, _RBH, path)


@pytest.mark.parametrize("method", PARAMETERS)
def test_every_method_has_packaged_parameters(method):
    assert isinstance(read_parameters(method), PARAMETERS[method])


@pytest.mark.parametrize("method", [Method.RISK_BASED_HAIRCUT, Method.PORTFOLIO_MARGIN])
def test_every_number_of_the_scenario_methods_has_its_source_beside_it(method):
    text = files("flatbook.adapters.margin_parameters").joinpath(f"{method.value}.toml").read_text("utf-8")
    numbers = [line for line in text.splitlines() if re.match(r"[^#\"]*=\s*(\{.*=\s*)?-?\d", line)]
    known = set(re.findall(r"^#   (\[[\w-]+\])", text, re.MULTILINE))
    assert len(numbers) > 10
    assert [
        line for line in numbers if not known & set(re.findall(r"\[[\w-]+\]", line.partition("#")[2]))
    ] == []


def test_a_users_file_changes_what_it_says_and_nothing_else(tmp_path):
    default = read_parameters_as(TimsParameters, _RBH)
    mine = _read(
        tmp_path,
        'account = "broker-dealer"\n[ranges.broker-dealer]\nequity = { down = -0.2 }\n'
        '[underlyings]\nVIX = { range = "equity", ratio = 3 }\n'
        '[groups."S&P 100"]\nmembers = ["OEX"]\n',
    )
    assert mine.account == "broker-dealer"
    assert mine.ranges["broker-dealer"]["equity"].down == -0.2
    assert mine.ranges["broker-dealer"]["equity"].up == default.ranges["broker-dealer"]["equity"].up
    assert mine.ranges["market-maker"] == default.ranges["market-maker"]
    assert mine.underlyings == default.underlyings | {"VIX": mine.underlyings["VIX"]}
    assert mine.groups["S&P 100"].members == ("OEX",)  # a list replaces the list
    assert mine.groups["S&P 100"].offset == 1.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('acount = "x"\n', ["mine.toml line 1, acount: found unknown key 'acount'", "did you mean account?"]),
        ("\n[minimum]\nwarrant = 1.0\n", ["mine.toml line 3, [minimum] warrant: found unknown key"]),
        (
            "[ranges.market-maker]\nbonds = { down = -0.1 }\n",
            ["line 2, [ranges] market-maker bonds up: found nothing; expected a value for up; add it"],
        ),
        ("points_a_side = 2.5\n", ["line 1, points_a_side: found Expected `int`, got `float`"]),
        ('[minimum]\noption = "0.25"\n', ["line 2, [minimum] option: found Expected `float`, got `str`"]),
        ("[minimum]\noption = nan\n", ["line 1, minimum: found minimum option must be 0 or above, was nan"]),
        ("[product_classes]\nbond = 'equity'\n", ["Invalid enum value 'bond'", "product_classes"]),
        ("[ranges]\nmarket-maker = 3\n", ["line 1, ranges: found Expected `object`, got `int`"]),
        (
            '[groups."S&P 100"]\noffset = 1.5\n[groups.x]\noffset = -1.0\nmembers = []\n',
            ["line 1, [groups] S&P 100: found offset", "line 3, [groups] x: found offset"],
        ),
        ("x = [\n", ["mine.toml: found", "expected TOML"]),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(tmp_path, text, words):
    with pytest.raises(FaultsError) as told:
        _read(tmp_path, text)
    for word in words:
        assert word in str(told.value)


def test_files_that_are_no_text_are_told(tmp_path):
    path = tmp_path / "mine.toml"
    with pytest.raises(FaultsError, match=r"mine\.toml: found No such file"):
        read_parameters(_RBH, path)
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(FaultsError, match="not UTF-8"):
        read_parameters(_RBH, path)
    path.write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(FaultsError, match="more than 1048576 bytes"):
        read_parameters(_RBH, path)
