"""strawberry-graphql: a GraphQL router with a context of dependencies, queries and mutations."""

from collections.abc import AsyncGenerator

import strawberry
from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.testclient import TestClient
from strawberry.fastapi import BaseContext, GraphQLRouter
from strawberry.types import Info

SENT: list[str] = []


def greeting(request: Request = None, websocket: WebSocket = None) -> str:  # type: ignore[assignment]
    return (request or websocket).headers.get("x-greeting", "hello")


class Context(BaseContext):
    def __init__(self, word: str) -> None:
        self.word = word


async def get_context(word: str = Depends(greeting)) -> Context:
    return Context(word)


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, info: Info, name: str = "you") -> str:
        info.context.response.headers["x-seen"] = "yes"
        return f"{info.context.word} {name}"

    @strawberry.field
    async def fail(self) -> str:
        raise ValueError("failed")


@strawberry.type
class Mutation:
    @strawberry.mutation
    def send(self, info: Info, text: str) -> bool:
        info.context.background_tasks.add_task(SENT.append, text)
        return True


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int = 3) -> AsyncGenerator[int, None]:
        for number in range(to):
            yield number


def client() -> TestClient:
    schema = strawberry.Schema(Query, Mutation, Subscription)
    router = GraphQLRouter(schema, context_getter=get_context)
    app = FastAPI()
    app.include_router(router, prefix="/graphql")
    return TestClient(app)


def asked(text: str, **headers: str):
    return client().post("/graphql", json={"query": text}, headers=headers)


def test_a_query_uses_the_context() -> None:
    answer = asked("{ hello }", **{"x-greeting": "hi"})
    assert answer.json() == {"data": {"hello": "hi you"}}
    assert answer.headers["x-seen"] == "yes"


def test_a_query_by_get() -> None:
    answer = client().get("/graphql", params={"query": '{ hello(name: "me") }'})
    assert answer.json()["data"] == {"hello": "hello me"}


def test_errors_are_reported() -> None:
    assert asked("{ fail }").json()["errors"][0]["message"] == "failed"
    assert asked("{ nothing }").status_code == 200


def test_a_malformed_request_is_refused() -> None:
    headers = {"content-type": "application/json"}
    assert client().post("/graphql", content=b"{", headers=headers).status_code == 400


def test_background_tasks_run() -> None:
    assert asked('mutation { send(text: "it") }').json() == {"data": {"send": True}}
    assert SENT == ["it"]


def test_graphiql_is_served() -> None:
    answer = client().get("/graphql", headers={"accept": "text/html"})
    assert answer.status_code == 200
    assert "GraphiQL" in answer.text


def test_a_subscription_goes_by_a_websocket() -> None:
    with client().websocket_connect("/graphql", ["graphql-transport-ws"]) as websocket:
        websocket.send_json({"type": "connection_init"})
        assert websocket.receive_json() == {"type": "connection_ack"}
        query = {"query": "subscription { count(to: 2) }"}
        websocket.send_json({"id": "1", "type": "subscribe", "payload": query})
        got = [websocket.receive_json() for _ in range(3)]
    assert [each["type"] for each in got] == ["next", "next", "complete"]
