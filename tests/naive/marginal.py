"""A scenario margin in plain Python, one full run of all positions at a time."""


def requirement(quantity, pnl, class_of, group_of_class, gain_counted, rates, n_groups):
    """Requirement of each group, and the scenario that decides it (None: the minimum charge).

    `pnl` holds a row for each series, `rates` its charge for a contract long and short.
    """
    scenarios = range(len(pnl[0]))
    out = []
    for group in range(n_groups):
        classes = [c for c, g in enumerate(group_of_class) if g == group]
        minimum = 0.0
        for i, held in enumerate(quantity):
            if class_of[i] in classes:
                minimum += rates[i][0] * held if held > 0 else -rates[i][1] * held
        best, worst = minimum, None
        for j in scenarios:
            net = 0.0
            for c in classes:
                gain = sum(quantity[i] * pnl[i][j] for i in range(len(quantity)) if class_of[i] == c)
                net += gain if gain < 0.0 else gain_counted[c] * gain
            if -net > best:
                best, worst = -net, j
        out.append((best, worst))
    return out


def total(*args):
    """The sum over groups."""
    return sum(needed for needed, _ in requirement(*args))
