"""One file a page: its part of the API.

In: a context. Out: a router. Holds: a route declares who may call it.
"""
