"""Redis streams: listening to them, and giving back what was not done.

`taskiq-redis` looks for the messages of dead workers only after new ones have come, goes on
listening if it is cancelled at the wrong moment, and ends where the connection does. So `listen`
here takes its place.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from time import monotonic
from typing import Any

from taskiq import AckableMessage

logger = logging.getLogger("microfw")

PAGE = 100
CLAIM_EVERY = 1.0
"""Seconds between two looks for messages that other workers have had for too long."""

CONNECT_EVERY = 1.0
"""Seconds between two attempts to reach a server that is away."""

LEAVE = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
"""
"""Removes a consumer that has nothing pending; what it had would be lost with it."""


async def listen(broker: Any) -> AsyncGenerator[AckableMessage, None]:
    """Yield new messages, and those that were delivered to a worker too long ago.

    It ends when its task is being cancelled, also if a client has swallowed that. While the server
    is away it waits, and tasks go on.
    """
    from redis.asyncio import Redis
    from redis.exceptions import ConnectionError as Lost
    from redis.exceptions import TimeoutError as Late

    streams = {broker.queue_name: ">", **broker.additional_streams}
    claimed_at = monotonic()
    is_away = False
    async with Redis(connection_pool=broker.connection_pool) as redis:
        while not _is_being_cancelled():
            try:
                if monotonic() - claimed_at < CLAIM_EVERY:
                    found = await _new(broker, redis, streams)
                else:
                    found = [(each, await _abandoned(broker, redis, each)) for each in streams]
                    claimed_at = monotonic()
            except (Lost, Late) as problem:
                level = logging.DEBUG if is_away else logging.WARNING
                logger.log(level, "Redis is away, and is tried again each second: %s", problem)
                is_away = True
                await asyncio.sleep(CONNECT_EVERY)
                continue
            if is_away:
                logger.warning("Redis is there again")
                is_away = False
            for stream, entries in found:
                for entry_id, fields in entries:
                    entry = Entry(broker, stream, entry_id)
                    if fields and b"data" in fields:
                        yield AckableMessage(data=fields[b"data"], ack=entry.acknowledge)
                    else:
                        logger.error("%s is no message of taskiq's: %s", entry, fields)
                        await entry.acknowledge()


def connect_again(broker: Any) -> None:
    """Have what is sent over a connection that the server has closed sent again over a new one."""
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as Lost

    once = Retry(NoBackoff(), 1, supported_errors=(Lost,))
    broker.connection_pool.connection_kwargs.setdefault("retry", once)


async def _new(broker: Any, redis: Any, streams: Mapping[str, Any]) -> list[Any]:
    group, consumer = broker.consumer_group_name, broker.consumer_name
    found: Any = await redis.xreadgroup(
        group, consumer, streams, block=broker.block, count=broker.count
    )
    return [*(found or ())]


async def _abandoned(broker: Any, redis: Any, stream: str) -> Any:
    found: Any = await redis.xautoclaim(
        stream,
        broker.consumer_group_name,
        broker.consumer_name,
        min_idle_time=broker.idle_timeout,
        count=broker.unacknowledged_batch_size,
    )
    return found[1]


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Entry:
    """An entry of a stream that was delivered to this worker."""

    def __init__(self, broker: Any, stream: Any, entry_id: bytes) -> None:
        self._broker = broker
        self._stream = stream
        self._id = entry_id

    async def acknowledge(self) -> None:
        """Have it delivered no more."""
        from redis.asyncio import Redis

        try:
            async with Redis(connection_pool=self._broker.connection_pool) as redis:
                await redis.xack(self._stream, self._broker.consumer_group_name, self._id)
        except Exception as problem:
            logger.warning("%s is not acknowledged, and will be delivered again: %s", self, problem)
            raise

    def __str__(self) -> str:
        stream = self._stream
        name = stream.decode() if isinstance(stream, bytes) else stream
        return f"entry {self._id.decode()} of the stream {name}"


async def give_back_pending(broker: Any) -> None:
    """Put what this worker has fetched and not acknowledged at the end of the stream."""
    from redis.asyncio import Redis

    group, consumer = broker.consumer_group_name, broker.consumer_name
    async with Redis(connection_pool=broker.connection_pool) as redis:
        for stream in {broker.queue_name, *broker.additional_streams}:
            has_left = False
            while not has_left:
                while pending := await redis.xpending_range(
                    stream, group, "-", "+", PAGE, consumername=consumer
                ):
                    for entry in pending:
                        await _move_to_end(redis, stream, group, entry)
                has_left = await redis.eval(LEAVE, 1, stream, group, consumer)


async def _move_to_end(redis: Any, stream: str, group: str, entry: Mapping[str, Any]) -> None:
    """Acknowledge a message and add it anew, both or neither."""
    message_id = entry["message_id"]
    found = await redis.xrange(stream, message_id, message_id)
    async with redis.pipeline(transaction=True) as pipeline:
        for _, fields in found:  # none, if the stream has been trimmed
            pipeline.xadd(stream, fields)
        pipeline.xack(stream, group, message_id)
        await pipeline.execute()
    logger.info("message %s of %s is given back", message_id, stream)
