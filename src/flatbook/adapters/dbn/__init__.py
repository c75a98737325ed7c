"""DBN: Databento's binary records of US options and what they are on.

In: files of definitions, quotes and states, as `databento_dbn` decodes them. Out: a recording.
Holds: only consolidated quotes of options count; a price off the grid, and bytes that are no DBN, are faults with their place.
"""
