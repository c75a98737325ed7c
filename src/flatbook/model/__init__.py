"""Model: the words everyone uses.

In: nothing. Out: instruments, events, parameters, measures with their units, errors.
Holds: a value of these types cannot exist wrong; the unit ends the name; time is UTC nanoseconds.
"""
