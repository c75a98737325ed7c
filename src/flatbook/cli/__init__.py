"""CLI: the front door.

In: what a person types. Out: readers, engine, journal and reports put to work in order; faults told in plain words.
Holds: nothing is written before every input is proven good; a bad input ends with exit code 2.
"""
