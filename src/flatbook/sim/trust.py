"""Whose quotes the desk has reason to doubt: told at the first reason, and taken back when the last one is gone."""

from flatbook.model.venue_events import FeedSuspect


class Trust:
    """Reasons to doubt an underlying, of all who read feeds and sessions for one desk."""

    def __init__(self) -> None:
        self._reasons: dict[str, dict[str, str]] = {}  # underlying: cause: in words

    def doubt(
        self, cause: str, underlyings: tuple[str, ...], reason: str, received_ns: int
    ) -> tuple[FeedSuspect, ...]:
        """A cause begins for some underlyings; a fact where it is their first."""
        first = tuple(name for name in underlyings if not self._reasons.get(name))
        for name in underlyings:
            self._reasons.setdefault(name, {}).setdefault(cause, reason)
        return self._told(first, reason, received_ns, on=True)

    def restore(
        self, cause: str, underlyings: tuple[str, ...], reason: str, received_ns: int
    ) -> tuple[FeedSuspect, ...]:
        """A cause is over for some underlyings; a fact where it was their last."""
        had = [name for name in underlyings if self._reasons.get(name, {}).pop(cause, None) is not None]
        last = tuple(name for name in had if not self._reasons[name])
        return self._told(last, reason, received_ns, on=False)

    def doubted(self, cause: str, underlying: str) -> bool:
        """Whether a cause is on."""
        return cause in self._reasons.get(underlying, {})

    def _told(
        self, names: tuple[str, ...], reason: str, received_ns: int, *, on: bool
    ) -> tuple[FeedSuspect, ...]:
        return (
            (FeedSuspect(received_ns=received_ns, underlyings=names, on=on, reason=reason),) if names else ()
        )
