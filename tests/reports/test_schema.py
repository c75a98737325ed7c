"""The schema file and its page are in step with the types."""

import json
from pathlib import Path

import msgspec

from flatbook.reports.plan import encode_json
from flatbook.reports.schema import PlanReport, json_schema

DOCS = Path(__file__).parents[2] / "docs"


def test_the_schema_file_is_what_the_types_say():
    """Regenerate it with the line in docs/report-schema.md."""
    assert json.dumps(json_schema(), indent=2) + "\n" == (DOCS / "report-schema.json").read_text()


def test_every_field_is_explained_on_the_page_of_the_schema():
    """Whatever a reader meets, he can look up."""
    text = (DOCS / "report-schema.md").read_text()
    fields = {name for struct in json_schema()["$defs"].values() for name in struct.get("properties", {})}

    assert fields >= set(PlanReport.__struct_fields__)
    assert [] == sorted(name for name in fields if f"`{name}`" not in text)


def test_a_reader_that_does_not_know_a_new_field_passes_over_it(report):
    """Additions do not break readers of the same version."""
    raw = json.loads(encode_json(report))
    raw["header"]["mood"] = "calm"

    assert report == msgspec.json.decode(json.dumps(raw), type=PlanReport)
