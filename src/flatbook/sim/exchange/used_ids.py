"""Client ids that were used, as stretches: ids ascend but for what a line loses or turns around, so a whole day of them is a few."""

from bisect import bisect_right


class UsedIds:
    """A set of whole numbers that only grows."""

    def __init__(self) -> None:
        self._first: list[int] = []  # of each stretch, ascending; none touches the next
        self._last: list[int] = []

    def __contains__(self, number: int) -> bool:
        """Whether it was added."""
        at = bisect_right(self._first, number) - 1
        return at >= 0 and number <= self._last[at]

    @property
    def stretches(self) -> int:
        """How many there are: what it takes to remember them all."""
        return len(self._first)

    def add(self, number: int) -> None:
        """One more; again changes nothing."""
        after = bisect_right(self._first, number)
        before = after - 1
        if before >= 0 and number <= self._last[before]:
            return
        joins_before = before >= 0 and self._last[before] == number - 1
        joins_after = after < len(self._first) and self._first[after] == number + 1
        if joins_before and joins_after:
            self._last[before] = self._last.pop(after)
            del self._first[after]
        elif joins_before:
            self._last[before] = number
        elif joins_after:
            self._first[after] = number
        else:
            self._first.insert(after, number)
            self._last.insert(after, number)
