"""What can go wrong between a page and the desk."""

from flatbook.model.errors import FlatbookError


class FrameError(FlatbookError):
    """Bytes that are no frame of the stream."""


class UnknownTopicError(FlatbookError):
    """Somebody asked for a page, class or series that is not there."""
