"""flatbook: real-time exposure management for options market makers."""

__version__ = "0.1.0"
