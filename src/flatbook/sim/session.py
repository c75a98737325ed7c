"""The desk's end of a session: reports of the exchange become facts, and what is missing among them is seen."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from flatbook.model.events import Capacity, Fill, FillBusted, FillCorrected
from flatbook.model.facts import Fact
from flatbook.model.instruments import Side
from flatbook.model.order_events import OrderNews, OrdersAnswered
from flatbook.model.quoting_events import ProtectionTripped
from flatbook.model.table import InstrumentTable
from flatbook.sim.exchange.reasons import Refusal
from flatbook.sim.messages import (
    Acknowledged,
    Busted,
    Cancelled,
    CancelRejected,
    Corrected,
    Rejected,
    Report,
    Traded,
    Tripped,
)
from flatbook.sim.trust import Trust
from flatbook.sim.wire import Envelope

_CAUSE = "executions"
_MS_NS = 1_000_000
_NEWS = {
    Acknowledged: OrderNews.ACKNOWLEDGED,
    Rejected: OrderNews.REJECTED,
    Cancelled: OrderNews.CANCELLED,
    CancelRejected: OrderNews.CANCEL_REJECTED,
}
Answer = Acknowledged | Rejected | Cancelled | CancelRejected


def facts_of(
    reports: Iterable[Report], table: InstrumentTable, venue: str, received_ns: int
) -> tuple[Fact, ...]:
    """What reports tell a desk, in their sequence; neighbouring answers for the same reason are one fact.

    An order that is refused because its client id was used before was sent twice: that says nothing of the order, and is left out.

    Parameters
    ----------
    reports : iterable of Report
    table : InstrumentTable
        Of the exchange's rows.
    venue : str
        As the desk calls the exchange.
    received_ns : int
        By the desk's clock.
    """
    told = (each for each in reports if not (isinstance(each, Rejected) and each.reason == Refusal.DUPLICATE))
    out: list[Fact] = []
    for reason, some in groupby(told, key=_reason):
        if reason is None:
            out.extend(_fact(each, table, venue, received_ns) for each in some)
            continue
        answers = [each for each in some if isinstance(each, Answer)]
        out.append(
            OrdersAnswered(
                received_ns=received_ns,
                client_ids=tuple(each.client_id for each in answers),
                news=tuple(_NEWS[type(each)] for each in answers),
                venue=venue,
                reason=reason,
            )
        )
    return tuple(out)


class SessionReader:
    """Takes what arrives, and knows which executions, busts and corrections it has not got.

    What was told twice goes through twice: the book counts it once. Underlyings are in doubt as long as something is missing.
    """

    def __init__(
        self, table: InstrumentTable, venue: str, trust: Trust, *, resend_after_ms: float, seen: int = 0
    ) -> None:
        self._table, self._venue, self._trust = table, venue, trust
        self._patience_ns = round(resend_after_ms * _MS_NS)
        self._whole = seen  # every number up to it is here
        self._beyond: set[int] = set()
        self._told = seen  # the venue has sent so many
        self._asked_ns: int | None = None

    @property
    def missing(self) -> int:
        """How many executions, busts and corrections the venue has sent that are not here."""
        return self._told - self._whole - len(self._beyond)

    @property
    def whole(self) -> int:
        """Every one up to this number is here."""
        return self._whole

    def read(self, envelopes: Sequence[Envelope], received_ns: int) -> tuple[Fact, ...]:
        """Facts of what arrived together, in its sequence; doubt comes before them, and its end after them.

        Parameters
        ----------
        envelopes : sequence of Envelope
        received_ns : int
            By the desk's clock.
        """
        for each in envelopes:
            self._told = max(self._told, each.executions)
            if each.number > self._whole:
                self._beyond.add(each.number)
        while self._whole + 1 in self._beyond:
            self._whole += 1
            self._beyond.remove(self._whole)
        reports = [each.report for each in envelopes if each.report is not None]
        facts = facts_of(reports, self._table, self._venue, received_ns)
        names = self._table.underlyings
        if self.missing:
            reason = f"{self.missing} executions of {self._venue} after number {self._whole} are missing"
            return (*self._trust.doubt(_CAUSE, names, reason, received_ns), *facts)
        self._asked_ns = None
        restored = self._trust.restore(
            _CAUSE, names, f"no execution of {self._venue} is missing", received_ns
        )
        return (*facts, *restored)

    def resend_after(self, at_ns: int) -> int | None:
        """The number after which to ask for executions once more; None where nothing is missing, or it was asked for just now.

        Parameters
        ----------
        at_ns : int
            Time that never jumps, UTC nanoseconds.
        """
        waiting = self._asked_ns is not None and at_ns - self._asked_ns < self._patience_ns
        if not self.missing or waiting:
            return None
        self._asked_ns = at_ns
        return self._whole


def _reason(report: Report) -> str | None:
    """Why an order was answered so, empty where there is no reason; None of what is no answer."""
    if isinstance(report, Acknowledged):
        return ""
    return str(report.reason) if isinstance(report, Rejected | Cancelled | CancelRejected) else None


def _fact(report: Report, table: InstrumentTable, venue: str, received_ns: int) -> Fact:
    match report:
        case Traded():
            return Fill(
                received_ns=received_ns,
                fill_id=report.execution_id,
                instrument=table.instruments[report.row].symbol,
                side=Side(report.side),
                quantity=report.quantity,
                price_ticks=report.price_ticks,
                traded_ns=report.at_ns,
                capacity=Capacity(report.capacity),
                venue=venue,
                client_id=report.client_id,
                fee=report.fee,
            )
        case Busted():
            return FillBusted(
                received_ns=received_ns,
                bust_id=report.bust_id,
                fill_id=report.execution_id,
                busted_ns=report.at_ns,
            )
        case Corrected():
            return FillCorrected(
                received_ns=received_ns,
                correction_id=report.correction_id,
                fill_id=report.execution_id,
                quantity=report.quantity,
                price_ticks=report.price_ticks,
                corrected_ns=report.at_ns,
            )
        case Tripped():
            return ProtectionTripped(received_ns=received_ns, scope=report.scope, until_ns=report.until_ns)
        case _:
            msg = f"a report that is neither an execution nor a protection: {report}"
            raise AssertionError(msg)
