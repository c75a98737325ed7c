"""SPAN risk arrays from files: a clearing house's XML (format 4.00), or a CSV of our own layout (docs/margin/span.md)."""
