"""Deribit's portfolio margin of one inverse pair in plain loops: a leg is a dict, a cell is a line.

Legs have kind (call, put, future), forward, strike, years, vol, mark (in coin), coins (quantity times multiplier); terms is
a dict of the venue's keys.
"""

import math

EXTENDED = (-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)


def normal(x):
    """The normal distribution function."""
    return math.erf(x / math.sqrt(2.0)) / 2.0 + 0.5


def first_distance(forward, strike, years, vol):
    """Black's d1."""
    deviation = vol * math.sqrt(years)
    return math.log(forward / strike) / deviation + deviation / 2.0


def black(kind, forward, strike, years, vol):
    """The undiscounted textbook price."""
    sign = 1.0 if kind == "call" else -1.0
    deviation = vol * math.sqrt(years)
    if deviation == 0.0:
        return max(sign * (forward - strike), 0.0)
    d1 = first_distance(forward, strike, years, vol)
    return sign * (forward * normal(sign * d1) - strike * normal(sign * (d1 - deviation)))


def shocked(leg, which, terms):
    """The volatility of a leg, down, same or up."""
    days = leg["years"] * 365.0
    power = terms["short_term_vega_power"] if days < 30.0 else terms["long_term_vega_power"]
    stretch = (30.0 / days) ** power
    if which == "up":
        return max(
            leg["vol"] * (1.0 + terms["volatility_range_up"] * stretch), terms["min_volatility_for_shock_up"]
        )
    if which == "down":
        return max(leg["vol"] * (1.0 - terms["volatility_range_down"] * stretch), 0.0)
    return leg["vol"]


def profit(leg, move, which, terms):
    """In coin."""
    if leg["kind"] == "future":
        return leg["coins"] * (1.0 - 1.0 / (1.0 + move))
    moved = leg["forward"] * (1.0 + move)
    value = black(leg["kind"], moved, leg["strike"], leg["years"], shocked(leg, which, terms)) / moved
    return leg["coins"] * (value - leg["mark"])


def risk_matrix(legs, terms, index):
    """The cells of the account as the venue shows them, standard and extended."""
    reach = terms["price_range"]
    standard, extended = [], []
    for bucket in range(-4, 5):
        for which in ("down", "same", "up"):
            cell = 0.0
            for leg in legs:
                cell += profit(leg, reach * bucket / 4.0, which, terms)
            standard.append(cell * terms["pnl_offset"] if cell > 0.0 else cell)
    for move in EXTENDED:
        cell = 0.0
        for leg in legs:
            cell += profit(leg, move, "up", terms)
        edge = 1.0 + math.copysign(reach, move)
        cell *= terms["extended_table_factor"] * (reach / abs(move)) * (1.0 + move) / edge
        cell = cell * terms["pnl_offset"] if cell > 0.0 else cell
        taken = min((abs(move) / reach - 1.0) * terms["extended_dampener"] / index, abs(cell))
        extended.append(cell - math.copysign(taken, cell))
    return standard, extended


def delta(leg):
    """Net transaction delta in coin."""
    if leg["kind"] == "future":
        return leg["coins"]
    d1 = first_distance(leg["forward"], leg["strike"], leg["years"], leg["vol"])
    own = normal(d1) if leg["kind"] == "call" else normal(d1) - 1.0
    return leg["coins"] * (own - leg["mark"])


def risk_matrix_margin(legs, terms, index):
    """Worst case, roll shock, delta shock."""
    standard, extended = risk_matrix(legs, terms, index)
    worst = max(0.0, -min(standard + extended))
    by_expiry = {}
    for leg in legs:
        by_expiry[leg["years"]] = by_expiry.get(leg["years"], 0.0) + delta(leg)
    roll = sum(
        abs(net) * max(terms["min_annualised_move"], terms["annualised_move_risk"] * years)
        for years, net in by_expiry.items()
    )
    total = sum(by_expiry.values())
    beyond = max(0.0, abs(total) * index - terms["delta_total_liq_shock_threshold"]) / index
    return worst, roll, abs(total) * min(terms["m_inc"] * beyond, terms["max_delta_shock"])
