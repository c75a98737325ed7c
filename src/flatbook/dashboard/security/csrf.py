"""Cookies and the token that goes beside them: a foreign page can make a browser send the first, never the second.

The cookie is HttpOnly and SameSite=Strict; over https it is also Secure and bound to this host by its `__Host-` name. The token is told in
the body of `/api/v1/session` and comes back in a header, which no form and no foreign page can set.
"""

from starlette.requests import HTTPConnection
from starlette.responses import Response

from flatbook.dashboard.security.sessions import Session, same_csrf
from flatbook.dashboard.security.settings import SecuritySettings

HEADER = "x-csrf-token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FOREIGN = frozenset({"cross-site", "same-site"})


def cookie_name(settings: SecuritySettings) -> str:
    """What the cookie is called."""
    return "__Host-flatbook" if settings.encrypted else "flatbook"


def set_cookie(response: Response, cookie: str, settings: SecuritySettings) -> None:
    """Let the browser keep a session."""
    response.set_cookie(
        cookie_name(settings),
        cookie,
        max_age=settings.session_ends_ns // 1_000_000_000,
        path="/",
        secure=settings.encrypted,
        httponly=True,
        samesite="strict",
    )


def drop_cookie(response: Response, settings: SecuritySettings) -> None:
    """Let the browser forget it."""
    response.delete_cookie(
        cookie_name(settings), path="/", secure=settings.encrypted, httponly=True, samesite="strict"
    )


def is_forged(connection: HTTPConnection, session: Session) -> bool:
    """Whether an unsafe request was not made by a page of ours in this session."""
    told = connection.headers.getlist(HEADER)
    return len(told) != 1 or not same_csrf(session, told[0])


def is_cross_site(connection: HTTPConnection) -> bool:
    """Whether the browser itself says that another site asks."""
    return connection.headers.get("sec-fetch-site", "") in _FOREIGN
