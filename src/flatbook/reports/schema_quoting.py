"""The part of the plan that tells under which conditions quotes stand, and which orders leave."""

from flatbook.reports.schema_parts import Number, Part


class DutyRow(Part, frozen=True, kw_only=True):
    """One duty to quote: what it covers, and what may still be missed."""

    name: str  # venue, role, and the class where each is measured by itself
    session_told: bool  # false: nobody told of its session, so it binds always
    suspended: bool  # its clock stands still
    in_duty: int  # series
    quoted: int  # of them, with quotes at work that meet it
    headroom_share: Number  # of the period; below 0 it can no longer be met
    all_off_s: Number  # seconds that every series may still be off


class ThresholdRow(Part, frozen=True, kw_only=True):
    """Where our own protection of one class should trip, so that a burst of fills rarely costs more than it may."""

    option_class: str
    contracts: int  # 0: no threshold is low enough; quotes must be smaller or sooner gone
    contracts_in_force: Number  # null: no protection counts contracts
    contracts_bearable: int  # what one burst may fill
    probability: Number  # that a burst fills more
    loss_usd_per_contract: Number
    fills_per_s: float  # in quiet times, as configured


class Protections(Part, frozen=True, kw_only=True):
    """Scopes of protections that have tripped, and what they keep away; thresholds proposed."""

    frozen_scopes: tuple[str, ...]
    frozen_series: int
    thresholds: tuple[ThresholdRow, ...]  # where the desk says what a burst may cost
    reason: str  # why none is proposed


class FastRow(Part, frozen=True, kw_only=True):
    """An underlying whose market is fast."""

    underlying: str
    level: int  # 1 to 3
    reasons: tuple[str, ...]  # the signs now; empty: they have gone, not for long enough
    widen_factor: float  # on the neutral distance
    size_share: float
    wings_pulled: bool
    urgent: bool  # its delta is hedged before anything else


class EscalationRow(Part, frozen=True, kw_only=True):
    """Series of which a person must know, for one ground."""

    ground: str
    text: str
    series: int
    symbols: tuple[str, ...]  # the first 20


class QuoteConditions(Part, frozen=True, kw_only=True):
    """What holds for quotes beside value, price and limits."""

    duties: tuple[DutyRow, ...]
    protections: Protections
    fast: tuple[FastRow, ...]  # not calm
    killed_series: int
    escalations: tuple[EscalationRow, ...]


class CommandRow(Part, frozen=True, kw_only=True):
    """Commands that leave for one purpose."""

    action: str  # cancel, replace, new
    why: str
    commands: int
    contracts: int


class RefusalRow(Part, frozen=True, kw_only=True):
    """Orders that the gate refused or cut for one reason."""

    reason: str
    orders: int
    contracts: int  # that do not leave


class KillRow(Part, frozen=True, kw_only=True):
    """A kill switch that is on."""

    scope: str  # desk, venue, underlying, class
    name: str
    state: str  # KILLED, or KILL_PENDING with the orders that are not proven dead
    owner: str
    reason: str
    since: str  # ISO 8601, UTC


class OrdersOf(Part, frozen=True, kw_only=True):
    """What leaves for the venue after this cycle, and what was held back."""

    venue: str
    commands: tuple[CommandRow, ...]
    refused: tuple[RefusalRow, ...]
    kills: tuple[KillRow, ...]
