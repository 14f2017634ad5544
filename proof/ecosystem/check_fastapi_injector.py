"""fastapi-injector: objects of an injector in endpoints."""

from fastapi import FastAPI
from fastapi.testclient import TestClient
from fastapi_injector import (
    Injected,
    InjectorMiddleware,
    RequestScopeOptions,
    attach_injector,
    request_scope,
)
from injector import Injector


class Service:
    name = "it"


def client() -> TestClient:
    injector = Injector()
    injector.binder.bind(Service, to=Service, scope=request_scope)
    app = FastAPI()
    app.add_middleware(InjectorMiddleware, injector=injector)
    attach_injector(app, injector, options=RequestScopeOptions(enable_cleanup=True))

    @app.get("/")
    async def show(it: Service = Injected(Service), again: Service = Injected(Service)) -> list:
        return [it.name, it is again]

    return TestClient(app)


def test_an_endpoint_gets_an_object_of_its_request() -> None:
    assert client().get("/").json() == ["it", True]
