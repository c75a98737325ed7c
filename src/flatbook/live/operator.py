"""What a person may tell a live desk: facts of an operator, decisions on hedges, and what a fact would change, in money.

Who may say what is the caller's to know; here everything that is said is journaled with its name and reason before it acts.
"""

from dataclasses import dataclass
from typing import Protocol

from flatbook.model.events import CapitalReported, DeskSet, FastMarketSet, LimitOverridden, LimitsSet
from flatbook.model.operator_events import OperatorActed
from flatbook.model.order_events import KillSet
from flatbook.model.quoting_events import ProtectionReset

OperatorFact = (
    KillSet
    | LimitOverridden
    | LimitsSet
    | ProtectionReset
    | CapitalReported
    | FastMarketSet
    | DeskSet
    | OperatorActed
)
"""What a person may say; `received_ns` is set by the desk's clock, whatever it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One number that a fact would change; NaN where nobody knows it."""

    name: str  # in the words of the page, as "limit vega SPX 0-30d"
    before: float
    after: float
    unit: str  # as "USD", "% of limit", "orders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a fact would change, were it told now."""

    text: str  # one sentence
    changes: tuple[Change, ...]
    warnings: tuple[str, ...] = ()  # what a person should have read before confirming
    cycle: int = 0  # sequence of the cycle on which it was found; 0: there was none yet


class OperatorPort(Protocol):
    """The one door for what people say."""

    async def submit(self, fact: OperatorFact, *, who: str, why: str) -> int:
        """Put a fact through journal and core.

        Parameters
        ----------
        fact : OperatorFact
            Its `received_ns` is set by the desk's clock, and what it says of its owner by `who` and `why`.
        who, why : str
            Of the person who speaks; neither is empty.

        Returns
        -------
        int
            Its sequence, once it is durable and folded.

        Raises
        ------
        FlatbookError
            It is refused: what it names is not there, it is no such fact, or the desk takes no more.
        """
        ...

    async def decide_hedge(
        self, hedge_id: str, approve: bool, *, who: str, why: str, shown_usd: float | None = None
    ) -> int:
        """Let a hedge that a person is asked about leave, or hold it back, for a while.

        Parameters
        ----------
        hedge_id : str
            `hedging.approval.WaitingHedge.id`: underlying and side, as "SPX:buy".
        approve : bool
        who, why : str
            Of the person who speaks; neither is empty.
        shown_usd : float, optional
            Delta that it traded when the person saw it; without it what it trades now.

        Returns
        -------
        int
            The sequence of the answer, once it is durable and folded.

        Raises
        ------
        FlatbookError
            No such hedge waits any more, it has grown beyond what was seen, or the desk takes no more.
        """
        ...

    async def preview(self, fact: OperatorFact) -> Preview:
        """What a fact would change, on the last cycle; nothing is changed by asking.

        Raises
        ------
        FlatbookError
            It would be refused.
        """
        ...

    async def acknowledge(self, alert_id: str, *, who: str) -> None:
        """A person has seen an alert; it stands as long as its cause lasts.

        Raises
        ------
        FlatbookError
            No such alert stands.
        """
        ...
