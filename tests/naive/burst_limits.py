"""The rule for bursts of fills in plain Python: what one watched order may take of a limit, an order and a limit at a time."""

_LAST_BITS = 1.0 + 1e-9
QUOTES = 3  # of an underlying that fill before the rest is gone


class NaiveBurst:
    """Beside a `Naive` of one underlying with more than one watched series; `watched` are names of its orders."""

    def __init__(self, naive):
        self.naive, self.watched, self.filled = naive, set(), {}

    def worth(self, name=None, n=0):
        """Quotes' worth that have filled in this burst, with `n` contracts more of one order."""
        filled = dict(self.filled)
        if name is not None:
            filled[name] = filled.get(name, 0) + n
        total = 0.0
        for each, contracts in filled.items():
            left = self.naive.orders.get(each, (0, 0, 0))[2] - (n if each == name else 0)
            total += contracts / (contracts + left)
        return total

    def is_over(self):
        """Every watched order at work is within the rule."""
        return not any(self.too_large(name) for name in self.watched & set(self.naive.orders))

    def too_large(self, name, bound=1.0):
        """Measures of which the order takes more than its share, everything unwatched filled."""
        row, side, n = self.naive.orders[name]
        found = []
        for measure, hard in self.naive.limits.items():
            if measure in self.naive.greeks:
                moved = side * n * self.naive.greeks[measure][row]
                sign = 1 if moved > 0 else -1
                rise, times = abs(moved), QUOTES
                left = bound * hard - hard * self.naive.worst(measure, sign, without=self.watched)
            else:
                rise, level, worst = self._opens(row, side, n, name)
                times = 2 if measure == "series_contracts" else QUOTES  # an order and its replacement
                left = bound * hard - (level if measure == "series_contracts" else worst)
            if rise > 0 and times * rise > max(left, 0.0) * _LAST_BITS:
                found.append(measure)
        return found

    def _opens(self, row, side, n, name):
        """Contracts that it opens after all others of its series and side; of the series and of all, what unwatched orders bring."""
        same = [
            left
            for other, (at, way, left) in self.naive.orders.items()
            if at == row and way == side and other != name
        ]
        net = self.naive.held.get(row, 0)
        toward = side * net + sum(same)
        opened = max(toward + n, 0) - max(toward, 0)
        unwatched = [order for other, order in self.naive.orders.items() if other not in self.watched]
        level = side * net + sum(left for at, way, left in unwatched if at == row and way == side)
        if level + n <= 0:
            return 0, level, 0.0
        hard = self.naive.limits.get("gross_contracts", 1.0)
        worst = (
            hard * self.naive.worst("gross_contracts", 1, without=self.watched)
            if "gross_contracts" in self.naive.limits
            else 0.0
        )
        return opened, level, worst
