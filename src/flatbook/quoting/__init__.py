"""Quoting: what we would show to earn.

In: theoretical values, risk price, standing, inventory, rules. Out: for each series a neutral and an adjusted bid and offer
with sizes, and the reason for what is missing.
Holds: whole ticks, never rounded toward fair value; a bid below an offer; a side that adds to a breached limit is pulled.
"""
