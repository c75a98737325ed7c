"""Tested days: whole days with every fault on, in which independent counts refuse what must never be.

Every checker counts by itself, from what was told and sent; none asks the room whose work it looks at.
"""
