"""The client of a running desk."""
