"""Pages of the desk, and the stream that feeds them."""
