"""The same request twice is done once: a client that had no answer asks again with the same key and gets the answer of the first time."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from flatbook.dashboard.security.refusals import RefusedError

KEPT_MAX = 10_000
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class _Done(Generic[_Answer]):
    digest: bytes
    answer: "asyncio.Future[_Answer]"


class Repeats(Generic[_Answer]):
    """Answers by user and key; beyond ten thousand the oldest is forgotten. It belongs to one event loop."""

    def __init__(self) -> None:
        self._by_key: OrderedDict[tuple[str, str], _Done[_Answer]] = OrderedDict()

    async def once(self, name: str, key: str, body: str, do: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """What `do` answers, or answered to the same user, key and body before; what failed may be tried again.

        Raises
        ------
        RefusedError
            The key was used for another request.
        """
        digest = hashlib.blake2b(body.encode(), digest_size=32).digest()
        done = self._by_key.get((name, key))
        if done is not None:
            if done.digest != digest:
                raise RefusedError(409, "key_used", "this Idempotency-Key was used for another request")
            return await asyncio.shield(done.answer)
        answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._by_key[name, key] = _Done(digest, answer)
        while len(self._by_key) > KEPT_MAX:
            self._by_key.popitem(last=False)
        try:
            answer.set_result(await do())
        except BaseException as e:
            del self._by_key[name, key]
            answer.set_exception(e if isinstance(e, Exception) else asyncio.CancelledError())
            answer.exception()
            raise
        return answer.result()
