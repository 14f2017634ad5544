"""V1 to V3, beyond the table: invalid values, in which order they are told, and to whom."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import msgspec

from microfw import App, Body, Cookie, Depends, Header, HTTPException, Query, RequestValidationError
from tests.lifecycle.programs import Log, both, lines, request


class Order(msgspec.Struct):
    amount: int


@both
async def test_a_session_rolls_back_when_values_are_invalid(is_async: bool) -> None:
    """V2, E4"""
    log = Log()

    async def session_async() -> AsyncIterator[str]:
        try:
            yield "session"
            log("commit")
        except RequestValidationError as error:
            log(f"roll back for {[entry['loc'] for entry in error.errors()]}")
            raise
        finally:
            log("close")

    def session_sync() -> Iterator[str]:
        try:
            yield "session"
            log("commit")
        except RequestValidationError as error:
            log(f"roll back for {[entry['loc'] for entry in error.errors()]}")
            raise
        finally:
            log("close")

    session = session_async if is_async else session_sync

    def endpoint(
        session: Annotated[str, Depends(session)], item_id: int, order: Order, page: int = 1
    ) -> None:
        log("endpoint")

    app = App()
    app.post("/{item_id}")(endpoint)

    answer = await request(app, "/x", "POST", query="page=y", body=b'{"amount": "z"}', log=log)

    assert log == [
        "roll back for [('path', 'item_id'), ('query', 'page'), ('body', 'amount')]",
        "close",
        "sends 422",
    ]
    assert [entry["loc"] for entry in answer.json()["detail"]] == [
        ["path", "item_id"],
        ["query", "page"],
        ["body", "amount"],
    ]


@both
async def test_what_two_steps_of_one_dependency_read_is_reported_once(is_async: bool) -> None:
    """V2, O3"""

    async def paged_async(page: int, size: Annotated[int, Query(le=9)] = 5) -> AsyncIterator[int]:
        yield page

    def paged_sync(page: int, size: Annotated[int, Query(le=9)] = 5) -> Iterator[int]:
        yield page

    paged = paged_async if is_async else paged_sync

    def endpoint(
        use: Annotated[int, Depends(paged, scope="use")],
        function: Annotated[int, Depends(paged, scope="function")],
        request: Annotated[int, Depends(paged, scope="request")],
        again: Annotated[int, Depends(paged, use_cache=False)],
    ) -> list[int]:
        return [use, function, request, again]

    app = App()
    app.get("/")(endpoint)

    answers = [await request(app, "/", query=query) for query in ("page=x&size=10", "page=1")]

    errors = [entry["loc"] for entry in answers[0].json()["detail"]]
    assert errors == [["query", "page"], ["query", "size"]] * 2  # the last is a use of its own
    assert answers[1].json() == [1, 1, 1, 1]


@both
async def test_auth_answers_401_before_values_and_body_are_reported_invalid(is_async: bool) -> None:
    """V2, V3"""
    log = Log()

    async def user_async(token: Annotated[str | None, Header()] = None) -> str:
        log("user")
        if token is None:
            raise HTTPException(401)
        return token

    def user_sync(token: Annotated[str | None, Header()] = None) -> str:
        log("user")
        if token is None:
            raise HTTPException(401)
        return token

    user = user_async if is_async else user_sync
    app = App()

    @app.post("/{item_id}")
    async def endpoint(item_id: int, order: Order, user: Annotated[str, Depends(user)]) -> str:
        log("endpoint")
        return user

    bad = await request(app, "/x", "POST", body=b"{", log=log)
    told = await request(app, "/x", "POST", body=b"{", headers={"token": "t"}, log=log)
    good = await request(app, "/1", "POST", body=b'{"amount": 1}', headers={"token": "t"}, log=log)

    assert log == lines("user, sends 401, user, sends 422, user, endpoint, sends 200")
    assert bad.json() == {"detail": "Unauthorized"}
    assert [entry["loc"] for entry in told.json()["detail"]] == [["path", "item_id"], ["body", 1]]
    assert good.json() == "t"


@both
async def test_what_does_not_depend_on_an_invalid_value_runs(
    log: Log, app: App, is_async: bool
) -> None:
    """V2: through any number of dependencies, and yield dependencies are not opened without values."""

    async def page_async(number: int) -> AsyncIterator[int]:
        with log.opened("page"):
            yield number

    def page_sync(number: int) -> Iterator[int]:
        with log.opened("page"):
            yield number

    def query(page: Annotated[int, Depends(page_async if is_async else page_sync)]) -> str:
        log("query")
        return f"page {page}"

    async def cursor(query: Annotated[str, Depends(query)]) -> AsyncIterator[str]:
        with log.opened("cursor"):
            yield query

    def session(cookie: Annotated[str, Cookie()] = "") -> Iterator[str]:
        with log.opened("session"):
            yield cookie

    def tenant(session: Annotated[str, Depends(session)]) -> str:
        log("tenant")
        return session

    @app.get("/")
    def endpoint(
        cursor: Annotated[str, Depends(cursor)], tenant: Annotated[str, Depends(tenant)]
    ) -> list[str]:
        log("endpoint")
        return [cursor, tenant]

    answer = await request(app, query="number=two", log=log)
    assert log == lines("session opens, tenant, session sees RequestValidationError, sends 422")
    assert [entry["loc"] for entry in answer.json()["detail"]] == [["query", "number"]]

    log.clear()
    answer = await request(app, query="number=2", headers={"cookie": "cookie=c"}, log=log)
    assert log == lines(
        """page opens, query, cursor opens, session opens, tenant, endpoint, session exits,
        cursor exits, page exits, sends 200"""
    )
    assert answer.json() == ["page 2", "c"]


@both
async def test_one_invalid_value_of_several_is_enough(log: Log, app: App, is_async: bool) -> None:
    """V2"""

    async def page_async(number: int, size: int) -> AsyncIterator[list[int]]:
        with log.opened("page"):
            yield [number, size]

    def page_sync(number: int, size: int) -> Iterator[list[int]]:
        with log.opened("page"):
            yield [number, size]

    @app.get("/")
    async def endpoint(
        page: Annotated[list[int], Depends(page_async if is_async else page_sync)],
    ) -> list[int]:
        return page

    for query, invalid in (("number=two&size=3", "number"), ("number=2&size=three", "size")):
        answer = await request(app, query=query, log=log)
        assert [entry["loc"] for entry in answer.json()["detail"]] == [["query", invalid]]
    assert log == ["sends 422", "sends 422"]
    assert (await request(app, query="number=2&size=3")).json() == [2, 3]


@both
async def test_values_count_of_dependencies_that_the_endpoint_does_not_use(is_async: bool) -> None:
    """V2"""
    log = Log()

    async def check_async(number: int) -> None:
        log("check")

    def check_sync(number: int) -> None:
        log("check")

    check = check_async if is_async else check_sync
    app = App()

    @app.get("/", dependencies=[Depends(check)])
    async def endpoint() -> None:
        log("endpoint")

    answer = await request(app, query="number=two", log=log)
    assert log == ["sends 422"]
    assert [entry["loc"] for entry in answer.json()["detail"]] == [["query", "number"]]

    log.clear()
    await request(app, query="number=2", log=log)
    assert log == lines("check, endpoint, sends 200")


async def test_a_malformed_body_is_reported_once_however_many_steps_read_it(
    log: Log, app: App
) -> None:
    """V2, V3"""

    def amount(amount: Annotated[int, Body()]) -> int:
        log("amount")
        return amount

    @app.post("/")
    async def endpoint(
        amount: Annotated[int, Depends(amount)], note: Annotated[str, Body()], page: int
    ) -> None:
        log("endpoint")

    answer = await request(app, method="POST", body=b"{", log=log)

    assert log == ["sends 422"]
    assert [entry["loc"] for entry in answer.json()["detail"]] == [["body", 1], ["query", "page"]]


async def test_a_value_that_is_the_same_is_reported_for_each_step_that_reads_it(
    log: Log, app: App
) -> None:
    """V1: a callable's own values are its own."""

    def first(page: int) -> int:
        return page

    def second(page: int) -> int:
        return page

    @app.get("/")
    async def endpoint(
        a: Annotated[int, Depends(first)], b: Annotated[int, Depends(second)], page: str
    ) -> None:
        log("endpoint")

    answer = await request(app, query="page=x", log=log)

    assert log == ["sends 422"]
    assert [entry["input"] for entry in answer.json()["detail"]] == ["x", "x"]


async def test_values_are_read_after_the_steps_before_have_run(log: Log) -> None:
    """V1: middleware-like dependencies may still change what is read."""

    def rewrite(request: Any = None) -> None:
        log("rewrite")

    class Reading(str):
        """A type whose values tell when they are made."""

    app = App(dependencies=[Depends(rewrite)])

    def made_now() -> str:
        log("default of page is made")
        return "1"

    from microfw import Query

    @app.get("/")
    def endpoint(page: Annotated[str, Query(default_factory=made_now)]) -> str:
        log("endpoint")
        return page

    await request(app, log=log)

    assert log == lines("rewrite, default of page is made, endpoint, sends 200")


async def test_the_whole_body_has_arrived_before_anything_opens(log: Log) -> None:
    """V3, step 2 of the lifecycle: no resource waits for the client's upload."""

    async def session() -> AsyncIterator[None]:
        with log.opened("session"):
            yield

    app = App(dependencies=[Depends(session)])

    @app.post("/")
    async def endpoint(order: Order) -> int:
        log("endpoint")
        return order.amount

    parts = iter([b'{"amo', b'unt":', b" 3}"])

    async def receive() -> Any:
        part = next(parts)
        log(f"receives {part.decode().strip()}")
        return {"type": "http.request", "body": part, "more_body": part != b" 3}"}

    async def send(message: Any) -> None:
        log(message["type"])

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    await app(scope, receive, send)

    assert log == [
        'receives {"amo',
        'receives unt":',
        "receives 3}",
        "session opens",
        "endpoint",
        "session exits",
        "http.response.start",
        "http.response.body",
    ]


async def test_the_body_is_not_received_where_no_step_declares_one(log: Log, app: App) -> None:
    """V3, step 2 of the lifecycle."""

    @app.post("/")
    async def endpoint() -> None:
        log("endpoint")

    async def receive() -> Any:
        raise AssertionError

    async def send(message: Any) -> None:
        log(message["type"])

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    await app(scope, receive, send)

    assert log == ["endpoint", "http.response.start", "http.response.body"]
