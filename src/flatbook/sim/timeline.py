"""What is planned: actions by their instant, and those of one instant in the order in which they were planned."""

import heapq
from collections.abc import Callable
from typing import Any

Action = Callable[[Any], None]


class Timeline:
    """Time that stands still until the next action is taken."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns
        self._queue: list[tuple[int, int, Action, Any]] = []
        self._number = 0

    def __len__(self) -> int:
        """How many actions are planned."""
        return len(self._queue)

    @property
    def next_ns(self) -> int | None:
        """Instant of the next action; None where nothing is planned."""
        return self._queue[0][0] if self._queue else None

    def at(self, at_ns: int, action: Action, payload: object = None) -> None:
        """Plan an action for an instant."""
        self._number += 1
        heapq.heappush(self._queue, (at_ns, self._number, action, payload))

    def take(self, until_ns: int) -> bool:
        """Take the next action, at its instant; False where there is none until `until_ns`, that instant counted."""
        if not self._queue or self._queue[0][0] > until_ns:
            return False
        self.now_ns, _, action, payload = heapq.heappop(self._queue)
        action(payload)
        return True
