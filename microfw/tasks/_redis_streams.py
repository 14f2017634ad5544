"""Redis streams: listening to them, and giving back what was not done.

`taskiq-redis` looks for the messages of dead workers only after new ones have come, and goes on
listening if it is cancelled at the wrong moment. So `listen` here takes its place.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from time import monotonic
from typing import Any

from taskiq import AckableMessage

logger = logging.getLogger("microfw")

PAGE = 100
CLAIM_EVERY = 1.0
"""Seconds between two looks for messages that other workers have had for too long."""


async def listen(broker: Any) -> AsyncGenerator[AckableMessage, None]:
    """Yield new messages, and those that were delivered to a worker too long ago.

    It ends when its task is being cancelled, also if a client has swallowed that.
    """
    from redis.asyncio import Redis

    group, consumer = broker.consumer_group_name, broker.consumer_name
    streams = {broker.queue_name: ">", **broker.additional_streams}
    claimed_at = monotonic()
    async with Redis(connection_pool=broker.connection_pool) as redis:
        while not _is_being_cancelled():
            new: Any = await redis.xreadgroup(
                group, consumer, streams, block=broker.block, count=broker.count
            )
            for stream, messages in new or ():
                for message_id, fields in messages:
                    yield _message(broker, stream, message_id, fields)
            if monotonic() - claimed_at < CLAIM_EVERY:
                continue
            claimed_at = monotonic()
            for stream in streams:
                found: Any = await redis.xautoclaim(
                    stream,
                    group,
                    consumer,
                    min_idle_time=broker.idle_timeout,
                    count=broker.unacknowledged_batch_size,
                )
                for message_id, fields in found[1]:
                    yield _message(broker, stream, message_id, fields)


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _message(broker: Any, stream: Any, message_id: Any, fields: Mapping[Any, Any]) -> Any:
    return AckableMessage(data=fields[b"data"], ack=_acknowledger(broker, stream, message_id))


def _acknowledger(
    broker: Any, stream: Any, message_id: Any
) -> Callable[[], Coroutine[Any, Any, None]]:
    from redis.asyncio import Redis

    async def acknowledge() -> None:
        async with Redis(connection_pool=broker.connection_pool) as redis:
            await redis.xack(stream, broker.consumer_group_name, message_id)

    return acknowledge


async def give_back_pending(broker: Any) -> None:
    """Put what this worker has fetched and not acknowledged at the end of the stream."""
    from redis.asyncio import Redis

    group, consumer = broker.consumer_group_name, broker.consumer_name
    async with Redis(connection_pool=broker.connection_pool) as redis:
        for stream in {broker.queue_name, *broker.additional_streams}:
            while pending := await redis.xpending_range(
                stream, group, "-", "+", PAGE, consumername=consumer
            ):
                for entry in pending:
                    await _move_to_end(redis, stream, group, entry)
            await redis.xgroup_delconsumer(stream, group, consumer)


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
