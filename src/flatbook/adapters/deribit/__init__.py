"""Deribit: its JSON-RPC messages, as recorded from the socket.

In: lines with an instant and a message. Out: a recording; of one message, the facts that it holds.
Holds: a book with a gap is in doubt until its next snapshot; premiums and payoffs are in coin.
"""
