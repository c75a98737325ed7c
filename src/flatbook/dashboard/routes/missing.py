"""What is not there is 404, with the reason that the view gave."""

from collections.abc import Iterator
from contextlib import contextmanager

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.security.refusals import RefusedError


@contextmanager
def missing_is_404() -> Iterator[None]:
    """Around a view that may not find what it was asked for.

    Raises
    ------
    RefusedError
        404, where it did not.
    """
    try:
        yield
    except UnknownTopicError as e:
        raise RefusedError(404, "unknown", str(e)) from e
