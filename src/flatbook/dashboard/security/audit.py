"""The audit trail: who did what, why, and what came of it, in the journal's chain; never a secret."""

import logging
from typing import Final

from flatbook.dashboard.security.permissions import Principal
from flatbook.live.operator import OperatorPort
from flatbook.model.errors import FlatbookError
from flatbook.model.operator_events import OperatorActed, Outcome

_LOG: Final = logging.getLogger("flatbook.audit")


async def record(
    operator: OperatorPort,
    principal: Principal,
    action: str,
    outcome: Outcome,
    target: str = "",
    why: str = "",
    request: str = "",
) -> int:
    """Write one line of the audit trail.

    Returns
    -------
    int
        Its sequence, once it is durable.

    Raises
    ------
    FlatbookError
        The desk takes nothing more.
    """
    fact = OperatorActed(
        received_ns=0,
        action=action,
        who=principal.name,
        role=principal.role.value,
        outcome=outcome,
        target=target,
        why=why,
        request=request,
        source=principal.source,
    )
    return await operator.submit(fact, who=principal.name, why=why or action)


async def record_coming(
    operator: OperatorPort, action: str, who: str, role: str, outcome: Outcome, source: str
) -> None:
    """Write that somebody came or went; where the desk takes nothing more, say so in the log instead: reading goes on."""
    fact = OperatorActed(received_ns=0, action=action, who=who, role=role, outcome=outcome, source=source)
    try:
        await operator.submit(fact, who=who, why=action)
    except FlatbookError:
        _LOG.warning("not journaled: %s of %s from %s: %s", action, who, source, outcome.value)
