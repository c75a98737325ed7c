"""Risk price: what one more unit of risk costs us.

In: exposure, volatility, appetite. Out: one price per risk factor and the marginal cost of one more contract of each series.
Holds: quotes and hedges read the same price; risk that can be traded away costs no more than trading it away.
"""
