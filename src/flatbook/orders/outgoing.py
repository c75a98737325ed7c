"""What leaves for the venue after one cycle, and what was held back, as the rooms after it read it."""

from dataclasses import dataclass

from flatbook.model.table import Bools
from flatbook.orders.burst import BurstFills
from flatbook.orders.gate import Verdicts
from flatbook.orders.hedge_sizes import RefusedHedge
from flatbook.orders.kill import KillStanding, Stopped
from flatbook.orders.rate import Buckets
from flatbook.orders.reconcile import Commands


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outgoing:
    """What leaves after one cycle, and what was held back."""

    commands: Commands  # that leave
    wanted: Commands  # as reconciled, before the gate
    verdicts: Verdicts  # of the new orders and replacements among `wanted`
    stopped: Stopped
    kills: tuple[KillStanding, ...]
    buckets: Buckets
    bursts: BurstFills
    refused_hedges: tuple[RefusedHedge, ...]
    ended: Bools  # of what worked before: contracts that expired long ago, of which the venue says nothing
    next_id: int  # client id of the first new order among `commands`
    strange: tuple[
        int, ...
    ]  # client ids of which a venue told and nobody knows, or that filled beyond what was sent
