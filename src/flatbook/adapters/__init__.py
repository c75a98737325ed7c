"""Adapters: the outside world's words become facts.

In: bytes of a venue, a feed or a file. Out: events, symbols taken apart, notes on what was left out.
Holds: every fault of an input is told at once; parsing is pure; no price is guessed.
"""
