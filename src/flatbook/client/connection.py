"""One desk over HTTP: who asks, the CSRF token of a session, and answers that are refusals as errors.

A token goes to the address that it was given for and nowhere else: redirects are not followed, no proxy stands between a program and its own
machine, and over plain HTTP it goes to loopback only.
"""

import os
import ssl
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx
import msgspec

from flatbook.client.errors import ClientError, ProtocolError, TooOftenError, UnreachableError, refusal_of
from flatbook.dashboard.security.secrets import Secret, read_secret, secret_from

API = "/api/v1"
TOKEN_VARIABLE = "FLATBOOK_TOKEN"  # noqa: S105 - the name of a variable
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_TWICE = 2
Json = Any
"""What JSON can say."""


class _Refusal(msgspec.Struct):
    """The body of every refusal."""

    error: str = "refused"
    message: str = ""
    fields: tuple[str, ...] = ()


class Connection:
    """One signed-in line to one desk."""

    def __init__(
        self, url: str, token: Secret | None, *, certificates: Path | None = None, timeout_s: float = 10.0
    ) -> None:
        parts = checked_address(url)
        self.loopback = parts.hostname in _LOOPBACK
        if token is not None and parts.scheme == "http" and not self.loopback:
            msg = f"{url}: a token would cross the network unencrypted; use https://, or a tunnel to loopback"
            raise ClientError(msg)
        self.url = f"{parts.scheme}://{parts.netloc}"
        self.tls = ssl.create_default_context(cafile=certificates) if parts.scheme == "https" else None
        self.timeout_s = timeout_s
        self._token, self._csrf = token, ""
        self._http = httpx.Client(
            base_url=self.url,
            headers={"accept": "application/json, application/octet-stream"},
            timeout=timeout_s,
            trust_env=not self.loopback,
            verify=self.tls or True,
            auth=None if token is None else _Bearer(token),
        )

    def close(self) -> None:
        """Ask nothing more."""
        self._http.close()

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> httpx.Response:
        """The answer to a question.

        Raises
        ------
        RefusedError
            With the desk's reason.
        UnreachableError
            Nobody answered.
        """
        told = {name: value for name, value in (query or {}).items() if value is not None}
        return self._answer("GET", path, params=told)

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> Json:
        """The answer to what changes something; with a key it is asked again where the line broke, and done once.

        Raises
        ------
        RefusedError
            With the desk's reason.
        UnreachableError
            Nobody answered; without a key nobody knows what was done.
        """
        if self._token is None and not self._csrf:
            self.greet()
        headers = {"Idempotency-Key": key} if key else {}
        for left in reversed(range(_TWICE if key else 1)):
            try:
                answer = self._answer(
                    "POST",
                    path,
                    json=body,
                    headers=headers | {"X-CSRF-Token": self._csrf} if self._csrf else headers,
                )
            except UnreachableError:
                if not left:
                    raise
            else:
                return document(answer) if answer.content else None
        msg = "the last try returns or raises"
        raise AssertionError(msg)

    def greet(self) -> dict[str, Any]:
        """Who we are to the desk; a session's CSRF token is kept for what follows."""
        me = document(self.get(f"{API}/session"))
        if not isinstance(me, dict) or "signed_in" not in me:
            msg = f"{self.url}: whoever answers there is no flatbook"
            raise ProtocolError(msg)
        self._csrf = me.pop("csrf", None) or ""
        return me

    def sign_in(self, name: str, password: Secret) -> dict[str, Any]:
        """Sign in as a person; raises UnauthorizedError where name or password is wrong."""
        told = {"name": name, "password": password.reveal()}
        me: dict[str, Any] = document(self._answer("POST", f"{API}/session/login", json=told))
        self._csrf = me.pop("csrf", None) or ""
        return me

    def ticket(self) -> str:
        """Opens one stream, within half a minute."""
        return str(self.post(f"{API}/session/ticket")["ticket"])

    def _answer(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **more)
        except httpx.HTTPError as e:
            msg = f"{self.url}: {type(e).__name__}: {str(e) or 'no answer'}; does a desk run there? (flatbook run)"
            raise UnreachableError(msg) from e
        if answer.is_success:
            return answer
        try:
            told = msgspec.json.decode(answer.content, type=_Refusal)
        except msgspec.DecodeError:
            told = _Refusal(message=answer.reason_phrase)
        error = refusal_of(answer.status_code, told.error, told.message, told.fields)
        if isinstance(error, TooOftenError):
            error.retry_after_s = _seconds(answer.headers.get("retry-after", ""))
        raise error


def checked_address(url: str) -> SplitResult:
    """The parts of the address of a desk, as http://127.0.0.1:8000.

    Raises
    ------
    ClientError
        It is none.
    """
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if not named or parts.scheme not in {"http", "https"} or parts.path.strip("/") or parts.username:
        msg = "the address of a desk is http://host:port or https://host:port, as http://127.0.0.1:8000"
        raise ClientError(msg)
    return parts


def token_for(token: str | None, token_file: Path | None) -> Secret | None:
    """The token that was given, of a file of mode 0600, or of FLATBOOK_TOKEN or FLATBOOK_TOKEN_FILE; None where there is none."""
    if token is not None and token_file is not None:
        msg = "give a token or the file that holds it, not both"
        raise ClientError(msg)
    if token_file is not None:
        return read_secret(token_file)
    return secret_from(TOKEN_VARIABLE, os.environ) if token is None else Secret(token)


def document(answer: httpx.Response) -> Json:
    """What an answer says.

    Raises
    ------
    ProtocolError
        It is no JSON.
    """
    try:
        return msgspec.json.decode(answer.content)
    except (msgspec.DecodeError, RecursionError) as e:
        msg = f"{answer.request.url}: the answer is no JSON: {e}"
        raise ProtocolError(msg) from e


class _Bearer(httpx.Auth):
    """Puts a token into each request, so that it stands in no header that a person prints."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Add it."""
        request.headers["authorization"] = f"Bearer {self._token.reveal()}"
        yield request


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() and len(text) < 7 else 1.0
