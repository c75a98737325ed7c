"""The prices of a simulated day."""
