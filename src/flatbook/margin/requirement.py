"""What one account must be backed with, whichever method said so."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flatbook.model.table import Floats

CANDIDATE_LOST = "what one contract more would change cannot be told"  # of a row of quantity 0


class Method(StrEnum):
    """The capital methods."""

    RISK_BASED_HAIRCUT = "rbh"
    PORTFOLIO_MARGIN = "pm"
    SPAN = "span"
    REG_T = "regt"
    DERIBIT_PORTFOLIO = "pme"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRequirement:
    """Requirement of the legs of one account, in `currency`, positive; NaN with a note where it cannot be told."""

    group: str
    method: Method
    currency: str
    requirement: float  # the one that binds on opening: the initial one where the method knows both
    initial: float
    maintenance: float
    net_of_proceeds: float  # Reg T: after crediting what was received; NaN elsewhere
    marginal_buy: Floats  # [n legs] change of `requirement` by one contract more of each leg, bought
    marginal_sell: Floats  # [n legs] likewise, sold
    found: Mapping[str, Any]  # worst scenario, parts or pairing: what `--json` shows beside the numbers
    notes: tuple[str, ...]  # what was assumed, and what is not known
