"""Scenario files: a world to run a desk in, as a person writes it down.

In: a TOML file, and the desk file that it names. Out: the scenario and the desk, or every fault in them with its line.
Holds: every key is one of `model.world_terms.Scenario`; nothing is left out silently.
"""
