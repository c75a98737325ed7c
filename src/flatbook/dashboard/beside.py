"""A long sum in a process of its own, so that it takes neither the desk's interpreter nor more than its time."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import ParamSpec, TypeVar

from flatbook.model.errors import FlatbookError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class TooLongError(FlatbookError):
    """It was not done in time, or its process died."""


def beside(within_s: float, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """What `work` returns; it is a function of a module, and everything that it takes and gives can be pickled.

    Raises
    ------
    TooLongError
        It was not done within `within_s` seconds, and was stopped.
    FlatbookError
        What `work` raised, in its words.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(there, work, args, kwargs), daemon=True)
    process.start()
    there.close()
    try:
        if not here.poll(within_s):
            msg = f"it was not done within {within_s:g} s"
            raise TooLongError(msg)
        fault, found = here.recv()
    except EOFError:
        msg = "its process died"
        raise TooLongError(msg) from None
    finally:
        process.kill()
        process.join()
        process.close()
        here.close()
    if fault:
        raise FlatbookError(fault)
    result: _T = found
    return result


def _work(
    there: Connection, work: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]
) -> None:
    try:
        there.send(("", work(*args, **kwargs)))
    except FlatbookError as e:
        there.send((str(e), None))
