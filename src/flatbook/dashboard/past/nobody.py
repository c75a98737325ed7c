"""The operator's door of a desk that is not at work: what is past cannot be changed."""

from typing import NoReturn

from flatbook.live.operator import OperatorFact, Preview
from flatbook.model.errors import FlatbookError

REASON = "this is a journal, not a desk at work: nothing that is past can be changed; run a desk to act"


class Nobody:
    """`live.operator.OperatorPort` that refuses, and says why."""

    async def submit(self, fact: OperatorFact, *, who: str, why: str) -> int:
        """Refused."""
        del fact, who, why
        _refuse()

    async def decide_hedge(
        self, hedge_id: str, approve: bool, *, who: str, why: str, shown_usd: float | None = None
    ) -> int:
        """Refused."""
        del hedge_id, approve, who, why, shown_usd
        _refuse()

    async def preview(self, fact: OperatorFact) -> Preview:
        """Refused."""
        del fact
        _refuse()

    async def acknowledge(self, alert_id: str, *, who: str) -> None:
        """Refused."""
        del alert_id, who
        _refuse()


def _refuse() -> NoReturn:
    raise FlatbookError(REASON)
