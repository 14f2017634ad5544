from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Ship(Base):
    __tablename__ = "ships"

    name: Mapped[str] = mapped_column(primary_key=True)
    metres: Mapped[float]
    berth: Mapped[int | None] = mapped_column(unique=True)


class LogEntry(Base):
    __tablename__ = "log"

    id: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[str]
