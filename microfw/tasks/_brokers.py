"""What taskiq's brokers do: which redeliver, and how each takes messages back.

It is known by the names of their classes, so that none of their packages has to be there.
"""

import uuid
from functools import partial
from typing import Any

from msgspec import Struct
from taskiq import AsyncBroker

from microfw.tasks._redis_streams import connect_again, give_back_pending, listen


class BrokerFacts(Struct, frozen=True):
    """How a broker treats messages that were not acknowledged.

    Attributes:
        redelivers_after: Seconds after which another worker gets such a message; `None` if never.
        setting: What to change for other seconds.
        keeps: Whether it gives them to others as soon as the worker has gone.
        is_embedded: Whether it runs tasks in the process that sends them.
    """

    redelivers_after: float | None = None
    setting: str = ""
    keeps: bool = False
    is_embedded: bool = False


def facts_of(broker: AsyncBroker) -> BrokerFacts:
    """Find out how a broker treats messages."""
    found: Any = broker
    match _kind(broker):
        case "RedisStreamBroker" | "RedisStreamClusterBroker" | "RedisStreamSentinelBroker":
            seconds = found.idle_timeout / 1000
            return BrokerFacts(seconds, "idle_timeout= of the broker, milliseconds", keeps=True)
        case "PullBasedJetStreamBroker" | "PushBasedJetStreamBroker":
            config = found.consumer_config
            seconds = (config and config.ack_wait) or 30.0
            return BrokerFacts(seconds, "consumer_config=ConsumerConfig(ack_wait=)")
        case "AioPikaBroker":
            return BrokerFacts(1800.0, "consumer_timeout in rabbitmq.conf", keeps=True)
        case "InMemoryBroker":
            return BrokerFacts(is_embedded=True)
        case _:
            return BrokerFacts()


def make_safe(broker: AsyncBroker) -> None:
    """Change those defaults of a broker's with which messages can be lost or workers can hang.

    What differs from the default is the author's, and stays.
    """
    found: Any = broker
    if _kind(broker).startswith("RedisStream") and found.consumer_id == "$":
        found.consumer_id = "0"  # what was sent before the first worker came counts, too
    if type(broker).__name__ == "RedisStreamBroker":
        vars(broker)["listen"] = partial(listen, broker)
        connect_again(broker)


async def give_back_unacknowledged(broker: AsyncBroker) -> None:
    """Put what this worker has fetched and not acknowledged where others get it at once.

    Other brokers do that themselves when the connection closes, or after a time.
    """
    if _kind(broker) == "RedisStreamBroker" and _is_unique(broker):
        await give_back_pending(broker)


def _is_unique(broker: Any) -> bool:
    """Whether no other worker has the broker's name: it is the default, drawn for each process."""
    try:
        uuid.UUID(broker.consumer_name)
    except ValueError:
        return False
    return True


def _kind(broker: AsyncBroker) -> str:
    """The nearest class of taskiq's or its brokers'."""
    return next(cls.__name__ for cls in type(broker).__mro__ if cls.__module__.startswith("taskiq"))
