"""Sim: a seeded world that never was.

In: a seed. Out: the events of a made-up market and the fills of a made-up day.
Holds: everything here is SYNTHETIC; the same seed gives the same events; randomness lives in this room alone.
"""
