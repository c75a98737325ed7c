"""A desk file without a fault, from which the tests make faulty ones."""

from flatbook.adapters.desk_file.read import parse_desk

VALID = """\
[desk]
name = "index desk"
risk_aversion_per_usd = 2e-7
index = "SPX"

[[underlying]]
symbol = "SPX"
haircut = "broad_index"
rate = 0.024

[[hedge]]
symbol = "ESM19"
kind = "future"
underlying = "SPX"
multiplier = 50
tick = 0.25
spread = 0.25
expiry = 2019-06-21T09:30:00-04:00

[[hedge]]
symbol = "BTC-PERPETUAL"
kind = "inverse_future"
underlying = "BTC"
multiplier = 10
lot = 2
tick = 0.5
spread = 0.5
fee_per_contract = 0.1
beta = 0.9
price_ratio = 1.1
correlation = 0.99
currency = "BTC"

[[limit]]
measure = "vega_usd_per_point"
underlying = "SPX"
bucket = "1m"
hard = 120_000

[[limit]]
measure = "class_contracts"
option_class = "SPXW"
hard = 4000
owner = "cro"

[quoting]
half_spread_vol_points = 0.4
size = 20
"""


def parsed(text):
    return parse_desk(text.encode(), "desk.toml")
