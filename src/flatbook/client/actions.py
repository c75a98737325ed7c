"""What an operator does, from a program: each with why, once, and previewed in money by the same words.

`desk.act.pull("SPX", why=…)` does it; `desk.preview.pull("SPX", why=…)` tells what it would change. The desk asks for a person where
limits are set or trading is let go on: a token may not, `Desk.sign_in` may.
"""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from flatbook.client.connection import API, Connection
from flatbook.client.pages import Schemas

Scope = Literal["desk", "venue", "underlying", "class"]
_ACTIONS = f"{API}/actions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of an action."""

    state: str  # done; waiting: for a second person; denied
    text: str
    sequence: int | None = None  # of its fact in the journal
    request_id: str | None = None  # of what waits for a second person
    key: str = ""  # the same key again gives the same answer and does nothing


class Actions:
    """Does things. Every method raises RefusedError with the desk's reason where the desk does not."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def kill(self, scope: Scope = "desk", name: str = "", *, why: str) -> Done:
        """Stop trading in a scope, until somebody releases it."""
        armed = self._connection.post(f"{_ACTIONS}/kill/arm", {"scope": scope, "name": name, "why": why})
        done = self._connection.post(f"{_ACTIONS}/kill/confirm", {"arm_id": armed["arm_id"]}, key=new_key())
        return _done(done, str(armed["arm_id"]))

    def pull(self, option_class: str, *, why: str, key: str | None = None) -> Done:
        """Take the quotes of one class away, until somebody releases it."""
        return self._do("pull", {"option_class": option_class, "why": why}, key)

    def release(self, scope: Scope = "desk", name: str = "", *, why: str, key: str | None = None) -> Done:
        """Let go on what was stopped."""
        return self._do("release", {"scope": scope, "name": name, "why": why}, key)

    def change_limit(
        self, limit: str, limit_hard: float, *, why: str, shown: float | None = None, key: str | None = None
    ) -> Done:
        """Set one limit anew, in the unit that ends its name; all overrides end. Where it is no longer `shown`, nothing is changed."""
        return self._do(
            "limit/change", {"limit": limit, "limit_hard": float(limit_hard), "shown": shown, "why": why}, key
        )

    def override_limit(
        self,
        limit: str,
        limit_hard: float,
        *,
        minutes: int,
        why: str,
        shown: float | None = None,
        key: str | None = None,
    ) -> Done:
        """Put another hard limit in place of one for a time, a day at most."""
        body = {
            "limit": limit,
            "limit_hard": float(limit_hard),
            "minutes": minutes,
            "shown": shown,
            "why": why,
        }
        return self._do("limit/override", body, key)

    def end_override(self, limit: str, *, why: str, key: str | None = None) -> Done:
        """End what stands in place of a limit."""
        return self._do("limit/override/end", {"limit": limit, "why": why}, key)

    def decide_hedge(
        self,
        hedge_id: str,
        *,
        approve: bool,
        why: str,
        shown_usd: float | None = None,
        key: str | None = None,
    ) -> Done:
        """Let a hedge that waits leave, or hold it back: "SPX:buy". One that has outgrown the delta `shown_usd` is refused."""
        body = {"hedge_id": hedge_id, "approve": approve, "shown_usd": shown_usd, "why": why}
        return self._do("hedge", body, key)

    def approve_hedge(
        self, hedge_id: str, *, why: str, shown_usd: float | None = None, key: str | None = None
    ) -> Done:
        """Let a hedge that waits leave."""
        return self.decide_hedge(hedge_id, approve=True, why=why, shown_usd=shown_usd, key=key)

    def reject_hedge(self, hedge_id: str, *, why: str, key: str | None = None) -> Done:
        """Hold a hedge that waits back."""
        return self.decide_hedge(hedge_id, approve=False, why=why, key=key)

    def reset_protection(self, scope: str, *, why: str, key: str | None = None) -> Done:
        """Arm a protection again: venue/rule/key."""
        return self._do("protection/reset", {"scope": scope, "why": why}, key)

    def acknowledge(self, alert_id: str, *, why: str, key: str | None = None) -> Done:
        """Say that an alert was seen."""
        return self._do("alert/acknowledge", {"alert_id": alert_id, "why": why}, key)

    def approve(self, request_id: str, *, why: str) -> Done:
        """Do what somebody else asked for."""
        return _done(self._connection.post(f"{_ACTIONS}/requests/{request_id}/approve", {"why": why}), "")

    def deny(self, request_id: str, *, why: str) -> Done:
        """Let it be; whoever asked withdraws it so."""
        return _done(self._connection.post(f"{_ACTIONS}/requests/{request_id}/deny", {"why": why}), "")

    def _do(self, action: str, body: dict[str, Any], key: str | None) -> Done:
        key = new_key() if key is None else key
        return _done(self._connection.post(f"{_ACTIONS}/{action}", body, key=key), key)


class Previews:
    """Tells what an action would change, as a page: `text`, `changes` as a table, `warnings`, `second_person`. Nothing is done."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def kill(self, scope: Scope = "desk", name: str = "", *, why: str) -> Any:
        """What a kill would stop."""
        return self._ask("kill", {"scope": scope, "name": name, "why": why})

    def pull(self, option_class: str, *, why: str) -> Any:
        """What would go."""
        return self._ask("pull", {"option_class": option_class, "why": why})

    def release(self, scope: Scope = "desk", name: str = "", *, why: str) -> Any:
        """What would go on."""
        return self._ask("release", {"scope": scope, "name": name, "why": why})

    def change_limit(self, limit: str, limit_hard: float, *, why: str, shown: float | None = None) -> Any:
        """What another limit would change."""
        return self._ask(
            "limit/change", {"limit": limit, "limit_hard": float(limit_hard), "shown": shown, "why": why}
        )

    def override_limit(
        self, limit: str, limit_hard: float, *, minutes: int, why: str, shown: float | None = None
    ) -> Any:
        """What an override would change."""
        body = {
            "limit": limit,
            "limit_hard": float(limit_hard),
            "minutes": minutes,
            "shown": shown,
            "why": why,
        }
        return self._ask("limit/override", body)

    def end_override(self, limit: str, *, why: str) -> Any:
        """What the end of an override would change."""
        return self._ask("limit/override/end", {"limit": limit, "why": why})

    def approve_hedge(self, hedge_id: str, *, why: str) -> Any:
        """What a hedge that waits removes, costs and leaves."""
        return self._ask("hedge", {"hedge_id": hedge_id, "approve": True, "why": why})

    def reset_protection(self, scope: str, *, why: str) -> Any:
        """What would be quoted again."""
        return self._ask("protection/reset", {"scope": scope, "why": why})

    def _ask(self, action: str, body: dict[str, Any]) -> Any:
        told = self._connection.post(f"{_ACTIONS}/{action}/preview", body)
        return Schemas(_PREVIEW).shaped(told, {"$ref": "#/PreviewView"})


def new_key() -> str:
    """A key that no other action has."""
    return uuid4().hex


def _done(told: dict[str, Any], key: str) -> Done:
    return Done(
        state=told["state"],
        text=told["text"],
        sequence=told.get("sequence"),
        request_id=told.get("request_id"),
        key=key,
    )


_NUMBER = {"type": "number"}
_WORD = {"type": "string"}
_PREVIEW = {
    "paths": {},
    "components": {
        "schemas": {
            "PreviewView": {
                "title": "Preview",
                "properties": {"changes": {"type": "array", "items": {"$ref": "#/ChangeView"}}},
            },
            "ChangeView": {
                "title": "Change",
                "properties": {"name": _WORD, "before": _NUMBER, "after": _NUMBER, "unit": _WORD},
            },
        }
    },
}
