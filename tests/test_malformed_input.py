"""Whatever a client sends, it is answered with 2xx or a 4xx that says what is wrong.

No input makes a 500 or an error in the log, and every dependency that was set up has exited. The
client here is no HTTP library, which would refuse to send most of this: what it sends goes straight
to the application, as a server hands it on.
"""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from proof.malformed.application import FORM_PATHS, JSON_PATHS, TEXT_PATHS, opened
from proof.malformed.corpus import (
    END,
    FORM_TYPES,
    JSON_TYPES,
    NASTY_FIELDS,
    NASTY_FORMS,
    NASTY_HEADERS,
    NASTY_JSON,
    NASTY_PATHS,
    named,
)
from proof.malformed.mutations import everything
from proof.malformed.sending import Sent, Talk, alarm, check, check_talk, cut
from proof.malformed.sockets import talks

pytestmark = [
    pytest.mark.unmeasured,
    pytest.mark.filterwarnings(
        # Starlette's parser forgets the file with which a truncated form breaks off.
        "ignore:Exception ignored.*SpooledTemporaryFile"
    ),
]

EXAMPLES = 500 if settings().derandomize else 20_000


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@given(sent=everything)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
def test_any_input_is_accepted_or_refused(runner, sent):
    check(runner, sent)


@given(talk=talks)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
def test_any_websocket_is_served_or_refused(runner, talk):
    check_talk(runner, talk)


@pytest.mark.parametrize("body", NASTY_JSON, ids=range(len(NASTY_JSON)))
def test_nasty_json_is_accepted_or_refused_by_every_type(runner, body):
    for path in JSON_PATHS:
        check(runner, Sent(path, headers=[(b"content-type", b"application/json")], body=[body]))


@pytest.mark.parametrize("content_type", JSON_TYPES)
def test_json_under_another_name_is_accepted_or_refused(runner, content_type):
    for path in [*JSON_PATHS, *FORM_PATHS]:
        for body in (b'{"name": "a"}', b"[1]", b"\xff", b""):
            check(runner, Sent(path, headers=[(b"content-type", content_type)], body=[body]))


@pytest.mark.parametrize("body", NASTY_FORMS, ids=range(len(NASTY_FORMS)))
def test_a_nasty_form_is_accepted_or_refused(runner, body):
    for path in FORM_PATHS:
        for parts in ([body], cut(body, [0.3, 0.6])):
            check(runner, Sent(path, headers=[(b"content-type", FORM_TYPES[0])], body=parts))


@pytest.mark.parametrize("content_type", FORM_TYPES)
def test_a_form_under_another_name_is_accepted_or_refused(runner, content_type):
    form = named(b'name="limit"') + named(b'name="file"; filename="\xe9"', b"\xe9") + END
    for path in [*FORM_PATHS, "/body/any"]:
        check(runner, Sent(path, headers=[(b"content-type", content_type)], body=[form]))


@pytest.mark.parametrize("fields", NASTY_FIELDS, ids=range(len(NASTY_FIELDS)))
def test_nasty_fields_are_accepted_or_refused(runner, fields):
    for path in TEXT_PATHS:
        check(runner, Sent(path, query=fields))
    for path in FORM_PATHS:
        kind = b"application/x-www-form-urlencoded"
        check(runner, Sent(path, headers=[(b"content-type", kind)], body=[fields]))


@pytest.mark.parametrize("headers", NASTY_HEADERS, ids=range(len(NASTY_HEADERS)))
def test_nasty_headers_are_accepted_or_refused(runner, headers):
    for path in [*TEXT_PATHS, "/query/", "/converted/1/1.5/x"]:
        check(runner, Sent(path, headers=headers))
    for path in ["/body/any", "/form", "/files"]:
        check(runner, Sent(path, headers=headers, body=[b"{}"]))


@pytest.mark.parametrize("path", NASTY_PATHS, ids=range(len(NASTY_PATHS)))
def test_nasty_paths_are_accepted_or_refused(runner, path):
    check(runner, Sent(path))
    check(runner, Sent(path, b"limit=%ff\xff", [(b"host", b"[")]))
    check(runner, Sent(path, body=[b"{}"]))


def test_the_property_sees_both_answers(runner):
    form = [(b"content-type", FORM_TYPES[0])]
    accepted = [
        Sent("/query", b"limit=1&moment=2020-01-01&tag=1"),
        Sent("/cookies", headers=[(b"cookie", b"limit=1")]),
        Sent("/path/a/1/1"),
        Sent("/body/struct", body=[b'{"name":', b'"a"}']),
        Sent("/files", headers=form, body=[named(b'name="file"; filename="a"') + END]),
    ]
    refused = [
        Sent("/query", b"limit=-1"),
        Sent("/cookies", headers=[(b"cookie", b"unit=-1")]),
        Sent("/path/a/b/1"),
        Sent("/body/struct", body=[b"{}"]),
        Sent("/form", headers=form, body=[END]),
    ]

    assert [check(runner, sent) for sent in accepted] == [200] * 5
    assert [check(runner, sent) for sent in refused] == [422] * 5


def test_the_property_sees_each_way_in_which_a_websocket_begins(runner):
    talk: list[dict[str, Any]] = [
        {"type": "websocket.receive", "text": "a"},
        {"type": "websocket.receive", "bytes": b"b"},
    ]
    deniable: dict[str, Any] = {"extensions": {"websocket.http.response": {}}}
    talks = [
        Talk(Sent("/socket/1"), talk),
        Talk(Sent("/socket/x"), talk),
        Talk(Sent("/socket"), talk),
        Talk(Sent("/socket/401", changes=deniable), talk),
    ]

    assert [[message["type"] for message in check_talk(runner, talk)] for talk in talks] == [
        ["websocket.accept", "websocket.send", "websocket.send"],
        ["websocket.close"],
        ["websocket.close"],
        ["websocket.http.response.start", "websocket.http.response.body"],
    ]


def test_the_property_sees_a_websocket_that_fails(runner):
    with pytest.raises(LookupError):
        check_talk(runner, Talk(Sent("/broken")))


@pytest.mark.parametrize("how", ["500", "logged", "forged", "leaky", "open"])
def test_the_property_sees_what_it_forbids(runner, how):
    try:
        with pytest.raises(AssertionError):
            check(runner, Sent(f"/broken/{how}"))
    finally:
        opened.clear()


def test_the_property_sees_what_takes_too_long():
    with pytest.raises(TimeoutError, match=r"^no answer in 0\.01 s$"), alarm(0.01):
        threading.Event().wait()
