"""The notebook does what it shows, against a desk at work."""

import ast
import json
import threading
from pathlib import Path

import polars as pl
import pytest

from tests.dashboard.worlds import renumbered

NOTEBOOK = Path(__file__).parent.parent.parent / "examples" / "live-desk.ipynb"


@pytest.fixture(scope="module")
def cells():
    """Cells of code."""
    told = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return [each for each in told["cells"] if each["cell_type"] == "code"]


@pytest.fixture
def at_work(served, day):
    """A desk that publishes again and again."""
    done = threading.Event()

    def work():
        number = day[-1].number
        while not done.wait(0.05):
            number += 1
            served.publish(renumbered(day[-1], number))

    thread = threading.Thread(target=work)
    thread.start()
    yield served
    done.set()
    thread.join(10.0)


def test_every_cell_runs(cells, at_work, monkeypatch):
    """From the first to the last, and a cell that shows something still does."""
    monkeypatch.setenv("FLATBOOK_URL", at_work.url)
    names = {}
    with pl.Config():
        for cell in cells:
            tree = ast.parse("".join(cell["source"]))
            shown = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, "cell", "exec"), names)  # noqa: S102 - the notebook is ours
            last = compile(ast.Expression(shown.value), "cell", "eval") if shown else None
            value = eval(last, names) if last else None  # noqa: S307 - the notebook is ours
            assert (value is not None) == any(
                each["output_type"] == "execute_result" for each in cell["outputs"]
            )
    assert at_work.operator.facts == [each for each in at_work.operator.facts if "notebook" not in each[2]]


def test_it_was_run_and_its_outputs_are_small(cells):
    """A reader without a desk sees what it shows."""
    assert [each["execution_count"] for each in cells] == list(range(1, len(cells) + 1))
    assert sum(bool(each["outputs"]) for each in cells) >= 7
    assert not any(each["output_type"] == "error" for cell in cells for each in cell["outputs"])
    assert NOTEBOOK.stat().st_size < 40_000
    assert all(isinstance(cell["source"], list) for cell in cells)


def test_tables_do_not_change_how_others_print():
    """The notebook's settings end with it."""
    assert "shape:" in repr(pl.DataFrame({"a": [1]}))
