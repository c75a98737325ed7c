"""Engine: the corridor. Facts in, decisions out.

In: a state and one event. Out: the state changed by a fact, or a cycle of decisions.
Holds: no clock, no randomness, no I/O; only a CycleDue computes; the same journal gives the same decisions to the bit.
"""
