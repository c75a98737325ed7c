"""Read the rules of a venue: the packaged file, and what a user's file says otherwise.

The format is that of `parameter_files`.
"""

from enum import StrEnum
from importlib.resources import files
from pathlib import Path

import msgspec

from flatbook.adapters.parameter_files import read_over
from flatbook.model.obligation_terms import ObligationRule
from flatbook.model.protection_terms import ProtectionRule
from flatbook.model.terms import Parameters


class Venue(StrEnum):
    """Venues with a packaged file."""

    BOX = "box"
    BYBIT = "bybit"
    CBOE = "cboe"
    CME = "cme"
    DERIBIT = "deribit"
    DERIVE = "derive"
    EUREX = "eurex"
    HKEX = "hkex"
    MIAX = "miax"
    NASDAQ = "nasdaq"
    NYSE = "nyse"
    OKX = "okx"
    PARADEX = "paradex"


class VenueRules(Parameters, frozen=True, kw_only=True):
    """What a venue asks of its market makers, and what it protects them with; by name."""

    protections: dict[str, ProtectionRule] = msgspec.field(default_factory=dict)
    obligations: dict[str, ObligationRule] = msgspec.field(default_factory=dict)


def read_venue_rules(venue: Venue, path: Path | None = None) -> VenueRules:
    """The rules of `venue`: the packaged ones, under those of the file at `path` where one is given.

    Raises
    ------
    FaultsError
        Naming file and key of everything unknown, missing or impossible.
    """
    name = f"{venue.value}.toml"
    packaged = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return read_over(VenueRules, name, packaged, path)
