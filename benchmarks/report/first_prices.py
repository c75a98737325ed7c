"""What a fresh process does in row 10: import flatbook and price a European, an American and a cash-dividend option."""

import sys

import flatbook

prices = flatbook.valuation.value(
    exercise=["european", "american", "american"],
    right="put",
    spot=100.0,
    strike=105.0,
    years=0.5,
    rate=0.04,
    vol=0.25,
    cash_dividends=["", "", "0.2:1.5"],
)["price"].tolist()
sys.stdout.write(" ".join(repr(price) for price in prices))
