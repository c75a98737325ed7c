"""Customers: who trades with the market of a simulated day, when, in what and why.

In: terms, the market's path and a seed. Out: the orders of the day by time, and what a desk should expect of them.
Holds: orders depend on nothing that a desk does, so that two policies at one seed meet the same customers.
"""
