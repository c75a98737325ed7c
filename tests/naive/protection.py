"""A market-maker protection in plain Python: every fill is kept, every tally is summed anew in exact fractions."""


class Naive:
    """One scope. `limits` maps a tally to (netting, limit, whether at the limit is enough)."""

    def __init__(self, window, interval, frozen, limits, *, rearm_clears=True):
        self.window, self.interval, self.frozen, self.limits = window, interval, frozen, limits
        self.rearm_clears = rearm_clears
        self.fills, self.start, self.until, self.latest = [], None, None, 0

    def fill(self, time, parts):
        """Count `parts`, tally to signed amount; whether the scope trips."""
        self.latest = now = max(time, self.latest)
        self._forget(now)
        if self.window == "fixed" and self.start is None:
            self.start = now
        self.fills.append((now, parts))
        if self.until is not None:
            return False
        for tally, (netting, limit, at_limit) in self.limits.items():
            at = self.tally(tally, netting)
            if at > limit or (at_limit and at == limit):
                self.until = "reset" if self.frozen is None else now + self.frozen
                return True
        return False

    def tally(self, tally, netting):
        """The tally as it stands."""
        each = [parts.get(tally, 0) for _, parts in self.fills]
        up, down = sum(x for x in each if x > 0), -sum(x for x in each if x < 0)
        return {"gross": up + down, "net": abs(up - down), "side": max(up, down)}[netting]

    def _forget(self, now):
        if self.until not in (None, "reset") and self.until <= now:
            self.until = None
            if self.rearm_clears:
                self.fills, self.start = [], None
        if self.window == "fixed" and self.start is not None and now - self.start >= self.interval:
            self.fills, self.start = [], None
        if self.window == "sliding":
            self.fills = [one for one in self.fills if now - one[0] < self.interval]
        if self.window == "tumbling":
            self.fills = [one for one in self.fills if one[0] // self.interval == now // self.interval]
