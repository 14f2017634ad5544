"""What a shop's database holds, compared with what its customers were told: row by row."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from examples.shop.models import AuditEntry, Order, OrderLine, Product

Row = TypeVar("Row", bound=DeclarativeBase)


class PaymentBase(DeclarativeBase):
    """Keeps the table out of the shop's own."""


class Payment(PaymentBase):
    """What an order has cost, written by exit code in the transaction of the order."""

    __tablename__ = "payments"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The request's."""
    order_id: Mapped[int]
    cents: Mapped[int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a customer knows of a request to place an order; `None` is what nobody can know."""

    placed: bool | None
    audited: bool | None


PLACED = Outcome(placed=True, audited=True)
REFUSED = Outcome(placed=False, audited=False)
UNKNOWN = Outcome(placed=None, audited=None)


@dataclass(slots=True)
class Intent:
    """What a customer has asked for, how much of each, and what became of it."""

    items: Mapping[str, int]
    outcome: Outcome = UNKNOWN


@dataclass(frozen=True, slots=True)
class Books:
    """All rows of a database, and the stock that there was at the start.

    Attributes:
        orders: The ids.
        lines: Of each order, (item, quantity, price in cents).
        payments: Of each request, (order, cents).
        audited: How many entries tell of an order.
    """

    stock_before: Mapping[str, int]
    stock: Mapping[str, int]
    prices: Mapping[str, int]
    orders: frozenset[int]
    lines: Mapping[int, list[tuple[str, int, int]]]
    payments: Mapping[int, tuple[int, int]]
    audited: Mapping[int, int]

    def mistakes(self, intents: Mapping[int, Intent]) -> list[str]:
        """Say what is there by half, twice, or against what was answered."""
        return [
            *self.wrong_stock(),
            *self.strangers(intents),
            *(
                f"request {number}: {what}"
                for number, intent in intents.items()
                for what in self.wrong(number, intent)
            ),
        ]

    def wrong_stock(self) -> Iterator[str]:
        sold = Counter[str]()
        for lines in self.lines.values():
            for item, quantity, _ in lines:
                sold[item] += quantity
        for item, before in self.stock_before.items():
            left = self.stock[item]
            if before != sold[item] + left or left < 0:
                yield f"of {before} of {item}, {sold[item]} are sold and {left} are left"

    def strangers(self, intents: Mapping[int, Intent]) -> Iterator[str]:
        """Say which rows stand alone."""
        paid = Counter(order for order, _ in self.payments.values())
        for order in sorted(self.orders | paid.keys() | self.lines.keys() | self.audited.keys()):
            if (order in self.orders, paid[order]) != (True, 1):
                there = "there" if order in self.orders else "missing"
                yield f"order {order} is {there}, and paid {paid[order]} times"
        yield from (
            f"nobody has sent request {number}" for number in self.payments.keys() - intents
        )

    def wrong(self, number: int, intent: Intent) -> Iterator[str]:
        """Say what is wrong with the rows of a request."""
        outcome = intent.outcome
        if number not in self.payments:
            if outcome.placed:
                yield "its order is missing"
            return
        if outcome.placed is False:
            yield "its order is there, and was refused"
        order, cents = self.payments[number]
        expected = [
            (item, quantity, self.prices[item]) for item, quantity in sorted(intent.items.items())
        ]
        lines = self.lines.get(order, [])
        if lines != expected:
            yield f"its lines are {lines}, not {expected}"
        total = sum(quantity * price for _, quantity, price in lines)
        if cents != total:
            yield f"{cents} cents are paid, and the lines cost {total}"
        entries = self.audited.get(order, 0)
        if entries > 1 or outcome.audited not in (None, entries == 1):
            yield f"the audit log tells of it {entries} times"


def read_books(connection: Connection, stock_before: Mapping[str, int]) -> Books:
    with Session(connection) as session:

        def rows(table: type[Row]) -> Iterator[Row]:
            yield from session.scalars(select(table).order_by(*table.__table__.primary_key))

        lines: dict[int, list[tuple[str, int, int]]] = {}
        for line in rows(OrderLine):
            lines.setdefault(line.order_id, []).append((line.item, line.quantity, line.price_cents))
        return Books(
            stock_before,
            {product.name: product.stock for product in rows(Product)},
            {product.name: product.price_cents for product in rows(Product)},
            frozenset(order.id for order in rows(Order)),
            lines,
            {payment.number: (payment.order_id, payment.cents) for payment in rows(Payment)},
            Counter(int(entry.event.rpartition(" ")[2]) for entry in rows(AuditEntry)),
        )
