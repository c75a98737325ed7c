"""What is told of a policy: the figures of a day that are averaged over days, with their units and which way is better."""

from typing import NamedTuple


class Figure(NamedTuple):
    """One figure of a day."""

    name: str
    label: str
    unit: str
    text: str
    better: int = 0  # +1 more, -1 less, 0 neither


FIGURES: tuple[Figure, ...] = (
    Figure("pnl_usd", "P&L", "USD", "cash and true worth at the end, less that at the open", 1),
    Figure("spread_usd", "Spread captured", "USD", "edge of quotes against true worth at the trade", 1),
    Figure("adverse_usd", "Adverse selection", "USD", "what true worth did from a quote's trade to the horizon", 1),
    Figure("inventory_usd", "Inventory", "USD", "what true worth did to quoted contracts after the horizon", 0),
    Figure("hedge_pnl_usd", "Hedges", "USD", "what hedges in the underlying or a related product made", 0),
    Figure("offset_pnl_usd", "Option offsets", "USD", "what offsets in options made", 0),
    Figure("hedge_slippage_usd", "Slippage of hedges", "USD", "edge of hedges at the trade", 1),
    Figure("offset_slippage_usd", "Slippage of offsets", "USD", "edge of offsets at the trade", 1),
    Figure("settlement_usd", "Settlement", "USD", "exercise and expiry away from true worth", 0),
    Figure("correction_usd", "Corrections", "USD", "busts and corrected prices", 0),
    Figure("fees_quotes_usd", "Fees of quotes", "USD", "paid for quotes, as P&L", 1),
    Figure("fees_hedges_usd", "Fees of hedges", "USD", "paid for hedges and offsets, as P&L", 1),
    Figure("hedge_cost_usd", "Cost of hedging", "USD", "slippage and fees of hedges and offsets", -1),
    Figure("informed_adverse_usd", "Adverse selection, informed", "USD", "the part of it from informed customers", 1),
    Figure("direction_usd", "Direction", "USD", "measured delta times the move of spot, sample by sample", 0),
    Figure("convexity_usd", "Convexity", "USD", "measured gamma times half the square of the move of spot", 0),
    Figure("basis_usd", "Basis", "USD", "what hedges made beyond beta times their underlying", 0),
    Figure("basis_square_usd2", "Basis, squares", "USD²", "squares of that, summed over the moves of the market", -1),
    Figure("basis_variance_usd2", "Basis, foretold", "USD²", "variance of the same that the world foretells of the hedges held", -1),
    Figure("drawdown_usd", "Drawdown", "USD", "largest fall of P&L at true worth", -1),
    Figure("over_share", "Time over a limit", "share", "of the day with a limit at or beyond hard, or not known", -1),
    Figure("worst_utilisation", "Worst use of a limit", "share", "of its hard level, over the day", -1),
    Figure("capital_mean_usd", "Capital, mean", "USD", "that the book must be backed with", -1),
    Figure("capital_most_usd", "Capital, most", "USD", "that the book must be backed with", -1),
    Figure("duty_met", "Obligation met", "share", "of the time under obligation, as the exchange counts", 1),
    Figure("quoted_contracts", "Contracts by quotes", "contracts", "that customers traded with the desk", 0),
    Figure("quoted_trades", "Trades by quotes", "trades", "that customers did with the desk", 0),
    Figure("informed_share", "Informed", "share", "of the contracts by quotes", 0),
    Figure("hedge_trades", "Trades of hedges", "trades", "in the underlying or a related product", 0),
    Figure("offset_contracts", "Contracts of offsets", "contracts", "traded against other options", 0),
    Figure("gross_end", "Contracts at the end", "contracts", "of options, long and short", -1),
    Figure("gross_usd", "Traded and held", "USD", "at its size: what rounding of P&L is measured by", 0),
)  # fmt: skip
PARTS: tuple[str, ...] = (
    "spread_usd", "adverse_usd", "inventory_usd", "hedge_pnl_usd", "offset_pnl_usd", "hedge_slippage_usd", "offset_slippage_usd",
    "settlement_usd", "correction_usd", "fees_quotes_usd", "fees_hedges_usd",
)  # fmt: skip  # add up to pnl_usd
PATH_STEP_S = 300.0  # between two samples of a path that are compared for its reversion: cycles come unevenly
PATHS: tuple[Figure, ...] = (
    Figure("inventory", "Inventory", "contracts", "option contracts, net", -1),
    Figure("gross", "Gross inventory", "contracts", "option contracts long and short, each series net", -1),
    Figure("delta_usd", "Delta", "USD", "P&L of a 100 % move at today's slope", -1),
    Figure("gamma_usd_per_pct", "Gamma", "USD per 1 %", "change of delta_usd for +1 %", -1),
    Figure("vega_usd_per_point", "Vega", "USD per vol point", "P&L of +1 vol point", -1),
)
