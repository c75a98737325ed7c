"""Tests of `flatbook.live`."""
