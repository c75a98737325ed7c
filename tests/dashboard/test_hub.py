"""The hub: one encoding for all readers, and a slow one that misses frames but never holds anybody up."""

import asyncio

import pytest

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.frames import Frame, decode
from flatbook.dashboard.stream import READERS_MOST, READERS_OF_ONE, TOPICS_MOST, Hub
from flatbook.dashboard.topics import TOPICS
from flatbook.live.publisher import Publisher
from tests.dashboard.worlds import renumbered


def in_hub(work, views=None):
    """Run work(hub, publisher) with a hub that follows a publisher."""

    async def run():
        publisher = Publisher()
        hub = Hub(publisher, views or TOPICS)
        hub.start()
        try:
            return await asyncio.wait_for(work(hub, publisher), 10.0)
        finally:
            await hub.stop()

    return asyncio.run(run())


async def settled():
    """Let the hub do what it has to."""
    for _ in range(20):
        await asyncio.sleep(0)


def numbers(raws):
    """Topic and publication of each frame."""
    return [(frame.topic, frame.number) for frame in map(decode, raws)]


def test_a_slow_reader_skips_and_a_quick_one_gets_all(picture):
    """Who does not take keeps the newest frame of each topic, in bounded memory."""

    async def work(hub, publisher):
        quick, slow = hub.join(), hub.join()
        for reader in (quick, slow):
            hub.subscribe(reader, ["head", "desk"])
        got = []
        for number in range(1, 51):
            publisher.publish(renumbered(picture, number))
            await settled()
            got += await quick.take()
        return numbers(got), numbers(await slow.take()), len(slow.waiting), slow.skipped

    quick, slow, waiting, skipped = in_hub(work)

    assert [number for topic, number in quick if topic == "head"] == list(range(1, 51))
    assert sorted(slow) == [("desk", 50), ("head", 50)]
    assert waiting == 0
    assert skipped == 2 * 49


def test_a_topic_is_encoded_once_for_all_readers(picture):
    """A hundred readers, one encoding; and nothing for a topic that nobody wants."""
    made = []

    def view(snapshot, _):
        made.append(snapshot.number)
        return Frame(kind="a", topic="a", number=snapshot.number, cycle=1, at_ns=0, data={})

    async def work(hub, publisher):
        readers = [hub.join() for _ in range(100)]
        publisher.publish(renumbered(picture, 1))
        for reader in readers:
            hub.subscribe(reader, ["a"])
        publisher.publish(renumbered(picture, 2))
        await settled()
        return [numbers(await reader.take()) for reader in readers]

    taken = in_hub(work, {"a": view, "b": view})

    assert made == [1, 2]
    assert taken == [[("a", 2)]] * 100


def test_a_new_topic_comes_at_once_and_an_old_one_no_more(picture):
    """A page need not wait for the next publication."""

    async def work(hub, publisher):
        publisher.publish(renumbered(picture, 1))
        reader = hub.join()
        hub.subscribe(reader, ["head"])
        first = numbers(await reader.take())
        hub.subscribe(reader, ["head", "class:IDX"])
        second = numbers(await reader.take())
        hub.subscribe(reader, ["class:IDX"])
        publisher.publish(renumbered(picture, 2))
        await settled()
        return first, second, numbers(await reader.take())

    assert in_hub(work) == ([("head", 1)], [("class:IDX", 1)], [("class:IDX", 2)])


def test_a_class_that_is_not_listed_tells_a_problem(picture):
    """And the reader lives on."""

    async def work(hub, publisher):
        publisher.publish(renumbered(picture, 1))
        reader = hub.join()
        hub.subscribe(reader, ["class:NONE"])
        return decode((await reader.take())[0])

    frame = in_hub(work)

    assert frame.kind == "problem"
    assert "'NONE'" in frame.data["problem"]


@pytest.mark.parametrize("topics", [["nothing"], [f"class:{n}" for n in range(TOPICS_MOST + 1)], [""]])
def test_topics_that_are_none_or_too_many_are_refused(picture, topics):
    """Whatever a client says."""

    async def work(hub, _):
        with pytest.raises(UnknownTopicError):
            hub.subscribe(hub.join(), topics)

    in_hub(work)


def test_readers_who_leave_cost_nothing(picture):
    """No encoding for nobody."""

    async def work(hub, publisher):
        reader = hub.join()
        hub.subscribe(reader, ["desk"])
        hub.leave(reader)
        publisher.publish(renumbered(picture, 1))
        await settled()
        return hub.encodings, hub.readers

    assert in_hub(work) == (0, 0)


def test_nobody_has_all_the_readers():
    """One user keeps room for others, and all of them for the desk."""

    async def work(hub, _):
        for _ in range(READERS_OF_ONE):
            hub.join("toni")
        full = hub.is_full("toni"), hub.is_full("rosa")
        for n in range(READERS_MOST - READERS_OF_ONE):
            hub.join(f"user {n}")
        return (*full, hub.is_full("rosa"))

    assert in_hub(work) == (True, False, True)


def test_the_end_of_the_desk_ends_the_hub(picture):
    """So that readers are told."""

    async def work(hub, publisher):
        publisher.publish(renumbered(picture, 1))
        publisher.close()
        await hub.ended.wait()

    in_hub(work)
