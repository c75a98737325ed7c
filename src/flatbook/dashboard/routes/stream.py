"""The stream: one WebSocket a page, binary frames out, subscriptions in."""

import asyncio
from contextlib import suppress
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends
from starlette.websockets import WebSocket, WebSocketDisconnect

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.security.gate import Admission, admit
from flatbook.dashboard.security.permissions import Permission
from flatbook.dashboard.stream import Hub, Reader

MESSAGE_MOST = 4096  # bytes of what a client says
_PACE_S = 0.05  # between two things that a client says: whoever says more waits, and nobody else
_LOOK_S = 5.0  # between two looks whether who listens still may
_POLICY, _GOING_AWAY, _BAD, _LATER = 1008, 1001, 1003, 1013


class Subscription(msgspec.Struct, forbid_unknown_fields=True):
    """All that a client may say: the topics that it wants from now on."""

    subscribe: list[str]


def router(hub: Hub) -> APIRouter:
    """`/api/v1/stream`."""
    routes = APIRouter()

    @routes.websocket("/api/v1/stream")
    async def stream(
        websocket: WebSocket, admission: Annotated[Admission, Depends(admit(Permission.READ))]
    ) -> None:
        """Serve one reader until it goes, may no longer, or the desk ends."""
        who = admission.principal.name
        await websocket.accept()
        if hub.is_full(who):
            await websocket.close(_LATER, "too many streams are open; close one")
            return
        reader = hub.join(who)
        tasks = [
            asyncio.create_task(work, name=f"stream {name}")
            for name, work in (
                ("listen", _listen(websocket, hub, reader, admission)),
                ("send", _send(websocket, reader)),
                ("watch", _watch(hub, admission)),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            code, why = next((each.result() for each in done if not each.exception()), (_GOING_AWAY, ""))
        finally:
            hub.leave(reader)
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(RuntimeError, WebSocketDisconnect):
            await websocket.close(code, why)

    return routes


async def _listen(websocket: WebSocket, hub: Hub, reader: Reader, admission: Admission) -> tuple[int, str]:
    while True:
        try:
            text = await websocket.receive_text()
        except (WebSocketDisconnect, KeyError):
            return _BAD, "text only"
        if len(text) > MESSAGE_MOST:
            return _POLICY, f"a message is at most {MESSAGE_MOST} characters"
        try:
            told = msgspec.json.decode(text, type=Subscription)
        except msgspec.DecodeError:
            return _POLICY, 'say {"subscribe": [topics]} and nothing else'
        if not admission.allows("subscribe"):
            return _POLICY, "not allowed"
        try:
            hub.subscribe(reader, told.subscribe)
        except UnknownTopicError as e:
            return _POLICY, str(e)[:120]
        await asyncio.sleep(_PACE_S)


async def _send(websocket: WebSocket, reader: Reader) -> tuple[int, str]:
    try:
        while True:
            for raw in await reader.take():
                await websocket.send_bytes(raw)
    except (WebSocketDisconnect, RuntimeError):
        return _GOING_AWAY, ""


async def _watch(hub: Hub, admission: Admission) -> tuple[int, str]:
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(hub.ended.wait(), _LOOK_S)
            return _GOING_AWAY, "the desk ended"
        if not admission.holds:
            return _POLICY, "signed out"
