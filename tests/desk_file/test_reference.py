"""The page for people, the table of keys and the model say the same."""

from pathlib import Path

from tests.desk_file.example import parsed

from flatbook.adapters.desk_file.keys import SECTIONS
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.parameters import (
    Limit,
    LimitMeasure,
    QuotingRules,
    RiskAppetite,
    UnderlyingTerms,
)

REFERENCE = Path(__file__).parents[2] / "docs" / "config-reference.md"


def test_every_key_has_a_line_in_the_reference():
    text = REFERENCE.read_text(encoding="utf-8")
    for section in SECTIONS.values():
        part = text.split(f"\n## {section.heading}\n")[1].split("\n## ")[0]
        for key in section.keys:
            (row,) = [line for line in part.splitlines() if line.startswith(f"| `{key.name}` |")]
            default = "required" if key.required else "none" if key.default is None else str(key.default)
            for word in (key.unit, default, str(key.range or ""), key.text, *key.choices):
                assert word in row, f"{section.heading} {key.name}: {word!r} is not in {row!r}"
        known = {key.name for key in section.keys} | set(LimitMeasure)
        assert {line.split("`")[1] for line in part.splitlines() if line.startswith("| `")} <= known


def test_every_measure_has_a_line_in_the_reference():
    part = REFERENCE.read_text(encoding="utf-8").split("\n## [[limit]]\n")[1].split("\n## ")[0]

    for measure in LimitMeasure:
        assert sum(line.startswith(f"| `{measure.value}` |") for line in part.splitlines()) == 1


def test_the_example_of_the_reference_uses_every_key_and_is_valid():
    example = REFERENCE.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]

    assert len(parsed(example).desk.hedges) == 3
    assert parsed(example).desk.price_stale_s == 300.0
    for section in SECTIONS.values():
        for key in section.keys:
            assert f"\n{key.name} = " in example, f"{section.heading} {key.name}"


def test_the_keys_are_those_of_the_model():
    def fields(section):
        return {key.name for key in SECTIONS[section].keys}

    assert fields("quoting") == set(QuotingRules.__struct_fields__)
    assert fields("underlying") == set(UnderlyingTerms.__struct_fields__)
    assert fields("limit") == set(Limit.__struct_fields__) - {"limit_hard"} | {"hard"}
    appetite = set(RiskAppetite.__struct_fields__) - {"aversion_per_usd"} | {"risk_aversion_per_usd"}
    assert fields("desk") == appetite | {"name", "history", "net_capital_usd", "price_stale_s"}
    assert fields("hedge") >= set(HedgeTerms.__struct_fields__) - {"instrument"}
