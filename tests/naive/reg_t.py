"""Strategy margin of small books by brute force, and a greedy pairing: slow, obvious, with nothing of flatbook's in it.

A book is a list of units: ("c" or "p", strike, years, price, sign) for one contract of 100, ("s", sign) for 100 shares. All
are on one stock. Every way to cut the list into packages is tried; each package costs the least that a rule grants it.
Amounts are net of the proceeds of options and stock sold.
"""

import math

_NEVER = math.inf


def naked(unit, spot):
    kind, strike, _, price, _ = unit
    out = max(strike - spot, 0.0) if kind == "c" else max(spot - strike, 0.0)
    return 100.0 * (price + max(0.2 * spot - out, 0.1 * (spot if kind == "c" else strike)))


def package_cost(package, spot):
    """The least initial requirement after proceeds of one package; infinite where no rule knows it."""
    stock = [unit for unit in package if unit[0] == "s"]
    options = [unit for unit in package if unit[0] != "s"]
    proceeds = sum(100.0 * unit[3] for unit in options if unit[4] < 0)
    paid = sum(100.0 * unit[3] for unit in options if unit[4] > 0)
    if len(stock) > 1:
        return _NEVER
    if stock:
        return _with_stock(stock[0][1], options, spot, paid, proceeds)
    if len(options) == 1:
        unit = options[0]
        if unit[4] > 0:
            return paid * (0.75 if unit[2] > 0.75 else 1.0)
        return naked(unit, spot) - proceeds
    cost = _spread(options, paid, proceeds)
    if len(options) == 2 and {unit[0] for unit in options} == {"c", "p"} and not paid:
        one, other = sorted(options, key=lambda unit: naked(unit, spot), reverse=True)
        if naked(one, spot) == naked(other, spot):
            one, other = sorted(options)  # a tie: the call's requirement and the put's value
        cost = min(cost, naked(one, spot) + 100.0 * other[3] - proceeds)
    return cost


def _spread(options, paid, proceeds):
    for kind in ("c", "p"):
        if sum(unit[4] for unit in options if unit[0] == kind):
            return _NEVER
    longs = [unit[2] for unit in options if unit[4] > 0]
    shorts = [unit[2] for unit in options if unit[4] < 0]
    if not longs or min(longs) < max(shorts):
        return _NEVER
    worst = 0.0
    for at in (0.0, *(unit[1] for unit in options), 10.0 * max(unit[1] for unit in options)):
        total = 0.0
        for kind, strike, _, _, sign in options:
            total += sign * 100.0 * max(at - strike if kind == "c" else strike - at, 0.0)
        worst = max(worst, -total)
    return paid + worst - proceeds


def _with_stock(sign, options, spot, paid, proceeds):
    value = 100.0 * spot
    initial = 0.5 * value
    shapes = sorted((unit[0], unit[4]) for unit in options)
    by_kind = {unit[0]: unit for unit in options}
    maintenance = (0.25 if sign > 0 else max(0.3, 5.0 / spot)) * value
    if sign > 0 and shapes == [("c", -1)]:
        over = max(value - 100.0 * by_kind["c"][1], 0.0)
        maintenance = 0.25 * (value - over) + over
    elif sign > 0 and shapes == [("p", 1)]:
        strike = 100.0 * by_kind["p"][1]
        maintenance = min(0.1 * strike + max(value - strike, 0.0), maintenance)
    elif sign > 0 and shapes == [("c", -1), ("p", 1)]:
        call, put = 100.0 * by_kind["c"][1], 100.0 * by_kind["p"][1]
        if put > call or by_kind["c"][2] != by_kind["p"][2]:
            return _NEVER
        hedged = 0.1 * put + (max(value - put, 0.0) if put < call else 0.0)
        maintenance = (min(hedged, 0.25 * call) if put < call else hedged) + max(value - call, 0.0)
    elif sign < 0 and shapes == [("p", -1)]:
        maintenance += max(100.0 * by_kind["p"][1] - value, 0.0)
    elif sign < 0 and shapes == [("c", 1)]:
        strike = 100.0 * by_kind["c"][1]
        maintenance = min(1.1 * strike + max(strike - value, 0.0), value + maintenance) - value
    elif sign < 0 and shapes == [("c", 1), ("p", -1)]:
        call, put = by_kind["c"], by_kind["p"]
        if call[1] != put[1] or call[2] != put[2]:
            return _NEVER
        maintenance = 110.0 * call[1] + max(100.0 * put[1] - value, 0.0) - value
    elif shapes:
        return _NEVER
    return max(initial, maintenance) + paid - proceeds


def brute_force(units, spot):
    """The least sum over all ways to cut the units into packages."""
    units = tuple(sorted(units))
    if not units:
        return 0.0
    first, rest = units[0], units[1:]
    best = _NEVER
    for chosen in range(1 << len(rest)):
        package = [first, *(unit for at, unit in enumerate(rest) if chosen >> at & 1)]
        cost = package_cost(package, spot)
        if cost < _NEVER:
            left = [unit for at, unit in enumerate(rest) if not chosen >> at & 1]
            best = min(best, cost + brute_force_kept(tuple(left), spot))
    return best


_KEPT = {}


def brute_force_kept(units, spot):
    """`brute_force`, each list once."""
    key = (units, spot)
    if key not in _KEPT:
        _KEPT[key] = brute_force(units, spot)
    return _KEPT[key]


def naked_sum(units, spot):
    """No pairing at all."""
    return sum(package_cost([unit], spot) for unit in units)


def greedy(units, spot):
    """Stock covers first, then each short option takes the first long one that makes it cheaper, then straddles."""
    left, total = list(units), 0.0
    for size in (2, 3):
        for stock in [unit for unit in left if unit[0] == "s"]:
            for options in _groups([unit for unit in left if unit[0] != "s"], size - 1):
                if stock in left and all(left.count(unit) >= 1 for unit in options):
                    package = [stock, *options]
                    if package_cost(package, spot) < naked_sum(package, spot):
                        total += package_cost(package, spot)
                        for unit in package:
                            left.remove(unit)
                        break
    again = True
    while again:
        again = False
        for pair in _groups(left, 2):
            if package_cost(pair, spot) < naked_sum(pair, spot):
                total += package_cost(pair, spot)
                for unit in pair:
                    left.remove(unit)
                again = True
                break
    return total + naked_sum(left, spot)


def _groups(units, size):
    if size == 1:
        return [[unit] for unit in units]
    return [[one, other] for at, one in enumerate(units) for other in units[at + 1 :]]
