"""A long sum in a process of its own: its answer, its refusal, and its end when it takes too long."""

import os
import time

import pytest

from flatbook.dashboard.beside import TooLongError, beside
from flatbook.model.errors import FlatbookError


def refuse(what):
    """As a room does."""
    raise FlatbookError(f"no {what}")


def test_it_answers_from_another_process():
    """With what the function returned."""
    assert beside(30.0, os.getpid) != os.getpid()


def test_what_is_refused_there_is_refused_here():
    """In the same words."""
    with pytest.raises(FlatbookError, match="no book"):
        beside(30.0, refuse, "book")


def test_what_takes_too_long_is_stopped():
    """And says so."""
    began = time.monotonic()
    with pytest.raises(TooLongError, match=r"within 0\.2 s"):
        beside(0.2, time.sleep, 60.0)
    assert time.monotonic() - began < 10.0


def test_a_process_that_dies_is_told():
    """Nothing waits for it."""
    with pytest.raises(TooLongError, match="died"):
        beside(30.0, os._exit, 3)
