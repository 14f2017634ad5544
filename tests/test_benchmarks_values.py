"""The benchmarks of values: all contenders show the same, and refuse what they should.

Nothing here depends on how long anything takes.
"""

from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.cases import Contender
from benchmarks.client import ASGIApp, Log
from benchmarks.contenders.values import by_hand, fastapi, litestar, microfw, with_msgspec
from benchmarks.measuring import UnequalWorkError, event_loop, verify
from benchmarks.values import VALUES, ValuesCase, verify_refusals

pytestmark = pytest.mark.unmeasured


def made(make: Callable[[], Contender]) -> Contender:
    if make is fastapi:
        pytest.importorskip("fastapi", reason="FastAPI is not installed; it is in the extra 'dev'")
    if make is litestar:
        pytest.importorskip("litestar", reason="Litestar is not installed; it is in 'bench'")
    return make()


@pytest.mark.parametrize("case", VALUES, ids=lambda case: case.name)
@pytest.mark.parametrize("make", [microfw, with_msgspec, by_hand, fastapi, litestar])
def test_every_contender_shows_the_same_and_refuses_mistakes(
    make: Callable[[], Contender], case: ValuesCase
) -> None:
    contender = made(make)
    if case.name not in contender.builders:
        pytest.skip(f"{contender.name} takes no part in it")
    with event_loop("asyncio") as run:
        assert len(run(verify(case, [contender]))) == 1
        run(verify_refusals(case, [contender]))


def test_every_case_that_receives_values_has_mistakes_to_refuse() -> None:
    assert [case.name for case in VALUES if not case.refused] == ["objects-20", "objects-100"]


def test_a_contender_that_does_not_look_is_reported_what_it_did_not_refuse() -> None:
    def careless(log: Log) -> ASGIApp:
        async def endpoint(request: Request) -> Response:
            log.append("endpoint")
            return JSONResponse({"shop_id": 7})

        route = Route("/shops/{shop_id:int}/products", endpoint)
        return Starlette(routes=[route])

    with event_loop("asyncio") as run, pytest.raises(UnequalWorkError) as raised:
        run(verify_refusals(VALUES[0], [Contender("careless", (), {"query": careless})]))
    assert str(raised.value) == (
        "careless did not refuse mistake 2 of 'query': it answered 200, after"
        " ('endpoint', 'send response.start', 'send response.body')"
    )
