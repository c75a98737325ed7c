"""Margin: what the book must be backed with.

In: positions and full revaluations. Out: the capital requirement by underlying and for the desk, and its worst move.
Holds: the requirement covers every scenario it names; an unknown scenario makes it NaN.
"""
