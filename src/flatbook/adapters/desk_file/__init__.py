"""Desk file: what a person wrote about the desk, as typed parameters.

In: one TOML file. Out: the desk and its limits, or every fault of the file at once, each with its line.
Holds: nothing is guessed; a key nobody knows is a fault, and so is a number in the wrong unit.
"""
