"""Quoting: what we would show to earn.

In: theoretical values, risk price, standing, inventory, rules; duties, protections and fast markets, which it remembers (`state`).
Out: for each series a neutral and an adjusted bid and offer with sizes, what each is made of, and the reason for what is missing.
Holds: whole ticks, never rounded toward fair value; a bid below an offer; legal width and size while a duty binds; a side that adds to a
breached limit is pulled, but for the legal minimum that a duty asks for; nothing past the kill limit.
"""
