"""Client: a running desk from a notebook or a program.

In: its API and its stream. Out: tables, arrays, and an operator's actions with who and why.
Holds: units end the names; a number that does not exist is null; every refusal carries the desk's own reason; a token goes nowhere else.
"""
