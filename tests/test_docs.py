"""Docs are tested: what a user can type, set, send or read has a line somewhere."""

from pathlib import Path
from typing import get_args

import pytest

from flatbook.adapters.files.market import READERS
from flatbook.cli.main import app
from flatbook.limits.ladder import ACTIONS, Step
from flatbook.model.facts import Fact
from flatbook.model.measures import MEANINGS
from flatbook.model.parameters import LimitMeasure
from flatbook.valuation.engines import SETTINGS, Engine

DOCS = Path(__file__).parent.parent / "docs"


def _text(name):
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("event", get_args(Fact), ids=lambda event: event.__name__)
def test_every_event_is_in_the_journal_format(event):
    """What a reader of a journal meets."""
    assert f"`{event.__name__}`" in _text("journal-format.md")


@pytest.mark.parametrize("measure", LimitMeasure, ids=lambda measure: measure.value)
def test_every_limit_measure_is_in_the_config_reference(measure):
    """What a risk officer can bound."""
    assert f"`{measure.value}`" in _text("config-reference.md")


@pytest.mark.parametrize("meaning", MEANINGS.values(), ids=lambda meaning: meaning.name)
def test_every_measure_is_in_the_glossary(meaning):
    """With its unit."""
    line = next(line for line in _text("glossary.md").splitlines() if f"`{meaning.name}`" in line)
    assert meaning.unit in line


@pytest.mark.parametrize("command", [c.name or c.callback.__name__ for c in app.registered_commands])
def test_every_command_is_in_the_command_reference(command):
    """What a user can type."""
    assert f"## `flatbook {command}" in _text("commands.md")


@pytest.mark.parametrize("reader", READERS)
def test_every_market_format_is_documented(reader):
    """What can be read."""
    assert f"`{reader}`" in _text("file-formats.md")


@pytest.mark.parametrize("step", Step, ids=lambda step: step.name)
def test_every_step_of_the_ladder_is_explained(step):
    """What a limit does."""
    text = _text("glossary.md")
    assert step.name in text
    assert ACTIONS[step] in text


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: f"{one.engine.name}-{one.name}")
def test_every_engine_and_its_error_bound_is_in_the_pricing_page(setting):
    """A bound that changes in the code changes on the page."""
    line = next(
        line
        for line in _text("pricing.md").splitlines()
        if line.startswith(f"| `{setting.engine.name.lower()}`")
    )
    bound = f"{setting.error:.1e}".replace(".0e", "e").replace("e-0", "e-")

    assert setting.engine is Engine.TABLE or bound in line
    assert setting.engine in (Engine.TABLE, Engine.BLACK) or f"{setting.name} {bound}" in line
