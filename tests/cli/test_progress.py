"""Progress: silent while quick, a line once a step takes a second."""

import io

import pytest
from rich.console import Console

from flatbook.cli import progress
from flatbook.cli.progress import shown


class SlowStep:
    """A timer that fires as soon as it is started: the step takes longer than the patience."""

    def __init__(self, patience_s, show, args):
        assert patience_s == 1.0
        self.show, self.args, self.daemon = show, args, False

    def start(self):
        self.show(*self.args)

    def cancel(self):
        """Too late."""


class QuickStep(SlowStep):
    """A timer that is cancelled in time."""

    def start(self):
        """Nothing to show yet."""


@pytest.mark.parametrize(
    ("timer", "told"), [(QuickStep, ""), (SlowStep, "reading the market …\nvaluing …\n")]
)
def test_a_step_is_named_only_once_it_has_taken_a_second(monkeypatch, timer, told):
    """Quick work stays silent."""
    monkeypatch.setattr(progress.threading, "Timer", timer)
    out = io.StringIO()
    with shown(Console(file=out)) as begin:
        begin("reading the market")
        begin("valuing")

    assert out.getvalue() == told
