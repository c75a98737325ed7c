"""Security of the dashboard: who speaks, what they may say, and what is refused before anybody listens.

In: requests, WebSockets, passwords, tokens. Out: a `Principal` with a permission, or a refusal.
Holds: what no route declares is refused at start-up; a secret is never kept, printed or logged as it came.
"""
