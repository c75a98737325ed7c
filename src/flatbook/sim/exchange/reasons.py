"""Why the exchange refused or ended an order: the words of its reports."""

from enum import StrEnum


class Refusal(StrEnum):
    """Why an order never worked, or a cancel found nothing."""

    DUPLICATE = "duplicate"  # the client id was used before; whatever it stands for is as it was
    UNKNOWN = "unknown"  # no such contract, or no such order any more
    CLOSED = "closed"  # the session, or this contract's
    EXPIRED = "expired"
    HALTED = "halted"
    SIDE = "side"
    SIZE = "size"  # 0 or over the most
    PRICE = "price"  # none, or off tick
    REPLACE = "replace"  # what it is to replace is of another contract or side
    PROTECTION = "protection"  # a quote while its scope is frozen
    SELF_TRADE = "self-trade"  # it would trade with an order of its own
    SYSTEM = "system"  # no reason at all


class Ending(StrEnum):
    """Why nothing of an order is left."""

    ASKED = "asked"
    IMMEDIATE = "immediate"
    PROTECTION = "protection"
    HALT = "halt"
    DISCONNECT = "disconnect"
    EXPIRY = "expiry"
    CLOSE = "close"
    SELF_TRADE = "self-trade"
