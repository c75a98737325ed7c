"""Reports: what a person reads of a cycle.

In: a cycle, and where its inputs came from. Out: the plan as data, as JSON, on a console, and as one page of HTML.
Holds: decides nothing; a number that is missing is null and has its reason; console and page show only what the data says.
"""
