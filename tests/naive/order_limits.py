"""Exposure, limits and what may still fill, in plain Python: sums over dictionaries, an order at a time."""

_LAST_BITS = 1.0 + 1e-9


class Naive:
    """One underlying's book, its limits {measure: hard}, and every order of ours that its venue may still fill.

    `greeks` maps a signed measure to a list by row; "gross_contracts" counts contracts of each series long and short,
    "series_contracts" each series alone. `stops` are the measures that have a kill limit.
    """

    def __init__(self, limits, greeks, options, kill_share, stops):
        self.limits, self.greeks, self.options = limits, greeks, options
        self.kill_share, self.stops = kill_share, stops
        self.held, self.orders = {}, {}

    def trade(self, row, contracts):
        """Contracts come or go."""
        self.held[row] = self.held.get(row, 0) + contracts

    def exposure(self, measure, held=None):
        """Signed where the measure has a sign."""
        held = self.held if held is None else held
        if measure in self.greeks:
            return sum(n * self.greeks[measure][row] for row, n in held.items())
        each = [abs(n) for row, n in held.items() if row in self.options]
        return max(each, default=0) if measure == "series_contracts" else sum(each)

    def used(self, measure):
        """Share of the hard limit."""
        return abs(self.exposure(measure)) / self.limits[measure]

    def killed(self):
        """Whether a limit is beyond the kill limit."""
        return any(self.used(measure) > self.kill_share * _LAST_BITS for measure in self.stops)

    def adds(self, measure, order):
        """Whether one contract of it more would use more of the limit than now."""
        row, side, _ = order
        after = dict(self.held)
        after[row] = after.get(row, 0) + side
        if measure == "series_contracts":
            more = abs(after[row]) > abs(self.held.get(row, 0))
            return row in self.options and more and abs(after[row]) > self.limits[measure]
        return abs(self.exposure(measure, after)) > abs(self.exposure(measure)) * _LAST_BITS

    def reduces(self, order):
        """Whether all of it closes a position, or brings the delta down and not past zero."""
        row, side, n = order
        held, moved = self.held.get(row, 0), side * n * self.greeks["delta_usd"][row]
        delta = self.exposure("delta_usd")
        return (side * held < 0 and n <= abs(held)) or (moved * delta < 0 and abs(moved) <= abs(delta))

    def worst(self, measure, sign, without=()):
        """The most of a limit's share that any choice of fills can bring, toward plus or minus where there is a sign."""
        live = [order for name, order in self.orders.items() if name not in without]
        if measure in self.greeks:
            moves = [sign * side * n * self.greeks[measure][row] for row, side, n in live]
            return (sign * self.exposure(measure) + sum(m for m in moves if m > 0)) / self.limits[measure]
        most = []
        for row in self.options:
            bought = sum(n for at, side, n in live if at == row and side > 0)
            sold = sum(n for at, side, n in live if at == row and side < 0)
            net = self.held.get(row, 0)
            most.append(max(abs(net), abs(net + bought), abs(net - sold)))
        return (max(most) if measure == "series_contracts" else sum(most)) / self.limits[measure]

    def wrong(self, sent, least):
        """What no order that just left may be. `sent` are names of `orders`; `least` those that a duty asks at least."""
        found = []
        for name in sent:
            order = self.orders[name]
            for measure in self.limits:
                if self.used(measure) >= 1.0 and self.adds(measure, order) and name not in least:
                    found.append((name, measure, "adds to a limit in breach"))
                found += self._worst_wrong(name, measure, order, sent, least)
        return found

    def _worst_wrong(self, name, measure, order, sent, least):
        row, side, _ = order
        moved = self.greeks[measure][row] * side if measure in self.greeks else 1
        if moved == 0:
            return []
        sign = 1 if moved > 0 else -1
        others = [each for each in sent if each in least] if name not in least else []
        bound = self.kill_share if name in least else 1.0
        if name in least and measure not in self.stops:
            return []
        with_it = self.worst(measure, sign, without=others)
        if with_it <= bound * _LAST_BITS:
            return []
        raises = with_it > self.worst(measure, sign, without=(*others, name)) * _LAST_BITS
        return [(name, measure, f"could bring it to {with_it:.3f} of its hard limit")] if raises else []
