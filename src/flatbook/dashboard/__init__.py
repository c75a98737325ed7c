"""Dashboard: read-only views of cycles, the pages that show them, and the door through which an operator acts.

In: snapshots of the live desk. Out: a web page, its API, and one binary stream.
Holds: a page never slows the desk; a number that does not exist is never shown as 0; whoever may not act cannot.
"""
