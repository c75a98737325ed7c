"""The made-up world, and what the whole system makes of it."""
