"""Exchange: where orders of the desk, of everybody else and of customers meet.

In: commands of the desk, quotes of the crowd, orders of customers, halts, settlement prices. Out: reports to the desk, and the exchange's own
count of positions, executions and quoted time.
Holds: the better price first, within a price the earlier order; what one party gains another loses; a refused command changes nothing; every
rule is written anew here, so that the desk's own copy of it is tested and not repeated.
"""
