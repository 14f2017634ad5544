from collections.abc import AsyncIterator

from invoices import app, get_session, send_invoice


class Session:
    def __init__(self) -> None:
        self.executed: list[object] = []

    async def execute(self, statement: object, values: object) -> None:
        self.executed.append(values)


test_session = Session()


async def get_test_session() -> AsyncIterator[Session]:
    yield test_session


# region test
async def test_an_invoice_is_written() -> None:
    async with app.running():
        with app.override({get_session: get_test_session}):
            sent = await send_invoice.kiq(7)
            result = await sent.wait_result()
    assert result.return_value == 7
    assert test_session.executed == [{"id": 7}]


# endregion test
