"""Where microfw answers otherwise than FastAPI on purpose.

Each of these functions knows one difference. It is given a step, FastAPI's outcome and microfw's,
and returns what FastAPI's would be without the difference; `None` where that has no part in it.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tests.twin.playing import Outcome, Step

Change = Callable[[Step, Outcome, Outcome], Outcome | None]

DIFFERENCES: dict[Change, str] = {}
"""The reason of each."""


def difference(reason: str) -> Callable[[Change], Change]:
    def decorate(change: Change) -> Change:
        DIFFERENCES[change] = reason
        return change

    return decorate


def expected_of_microfw(step: Step, theirs: Outcome, ours: Outcome) -> tuple[Outcome, list[Change]]:
    """What microfw is to answer where FastAPI answers `theirs`, and the differences in that."""
    applied: list[Change] = []
    expected = theirs
    for change in DIFFERENCES:
        changed = change(step, expected, ours)
        if changed is not None:
            expected = changed
            applied.append(change)
    return expected, applied


# ---------------------------------------------------------------------- what is changed


def with_header(outcome: Outcome, name: str, value: str | None) -> Outcome:
    others = [header for header in outcome.headers if header[0] != name]
    added = [] if value is None else [(name, value)]
    return replace(outcome, headers=tuple(sorted([*others, *added], key=lambda each: each[0])))


def with_body(outcome: Outcome, body: bytes) -> Outcome:
    return with_header(replace(outcome, body=body), "content-length", str(len(body)))


def with_detail(outcome: Outcome, detail: Any) -> Outcome:
    content = json.dumps({"detail": detail}, ensure_ascii=False, separators=(",", ":"))
    return with_body(outcome, content.encode())


def with_status(outcome: Outcome, status: int) -> Outcome:
    """Another status, which the middleware has noted."""
    entries = [
        entry.replace(f"ends with {outcome.status}", f"ends with {status}")
        for entry in outcome.entries
    ]
    return replace(outcome, status=status, entries=tuple(entries))


def with_entries(outcome: Outcome, *between: str) -> Outcome:
    """Other entries than before, between those of the middleware."""
    return replace(outcome, entries=(outcome.entries[0], *between, outcome.entries[-1]))


def detail_of(outcome: Outcome) -> Any:
    try:
        return json.loads(outcome.body)["detail"]
    except (TypeError, ValueError, KeyError):
        return None


def errors_of(outcome: Outcome) -> list[Any]:
    detail = detail_of(outcome)
    return detail if outcome.status == 422 and isinstance(detail, list) else []


def with_errors(outcome: Outcome, change: Callable[[Any], Any]) -> Outcome | None:
    """Each of the errors changed; `None` where none is."""
    errors = errors_of(outcome)
    changed = [change(error) for error in errors]
    return None if changed == errors else with_detail(outcome, changed)


def sent_header(step: Step, wanted: str) -> str | None:
    headers = step.options.get("headers") or ()
    pairs = headers.items() if isinstance(headers, dict) else headers
    return next((value for name, value in pairs if name.lower() == wanted), None)


def content_of(step: Step) -> bytes:
    content = step.options.get("content", b"")
    return content if isinstance(content, bytes) else b""


# ---------------------------------------------------------------------- methods and statuses


@difference(
    "405 names every method of the path (RFC 9110, section 15.5.6), not those of one route; sorted"
)
def names_all_methods(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    allow = ours.fields.get("allow", "")
    names = allow.split(", ")
    if theirs.status != 405 or names != sorted(names) or step.method in names:
        return None
    if not set(theirs.fields["allow"].split(", ")) <= set(names):
        return None
    return with_header(theirs, "allow", allow)


@difference(
    "the 500 of an exception that nothing handles passes through the middleware: CORS adds Vary"
)
def the_500_passes_through_middleware(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    if theirs.status != 500 or theirs.body != b"Internal Server Error" or "vary" in theirs.fields:
        return None
    return with_header(theirs, "vary", "Origin")


@difference("what has no content has no content type either")
def no_content_has_no_type(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    if theirs.status != 204 or "content-type" not in theirs.fields:
        return None
    return with_header(theirs, "content-type", None)


@difference("headers that a dependency sets reach a response that the endpoint returns itself")
def dependencies_complete_responses(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    if not step.path.endswith("/raw") or theirs.status != 200:
        return None
    return with_header(theirs, "x-copyright", "the museum")


# ---------------------------------------------------------------------- credentials


@difference("a bearer token that is empty has not been sent")
def an_empty_token_is_none(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    if (sent_header(step, "authorization") or "").strip() != "Bearer":
        return None
    return with_entries(with_detail(theirs, "Not authenticated"))


@difference("the challenge of a bearer scheme names a realm (RFC 6750, section 3)")
def challenges_have_a_realm(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    if theirs.fields.get("www-authenticate") != "Bearer" or detail_of(theirs) == "Who are you?":
        return None
    scheme = "HTTPBearer" if step.path == "/staff/radio" else "OAuth2PasswordBearer"
    return with_header(theirs, "www-authenticate", f'Bearer realm="{scheme}"')


@difference("Basic credentials are UTF-8, and the challenge says so (RFC 7617, section 2.1)")
def names_are_utf8(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    if theirs.fields.get("www-authenticate") != 'Basic realm="lockers"':
        return None
    if sent_header(step, "authorization") == "Basic c8O4cmVuOmE6Yg==":
        accepted = with_header(with_status(theirs, 200), "www-authenticate", None)
        return with_body(accepted, '{"name":"søren","locker":"3"}'.encode())
    return with_header(theirs, "www-authenticate", 'Basic realm="lockers", charset="UTF-8"')


@difference("malformed Basic credentials are told from missing ones, as in FastAPI 0.117")
def says_that_credentials_are_malformed(
    step: Step, theirs: Outcome, ours: Outcome
) -> Outcome | None:
    is_basic = (sent_header(step, "authorization") or "").startswith("Basic")
    if step.path != "/staff/locker" or theirs.status != 401 or not is_basic:
        return None
    return with_detail(theirs, "Invalid authentication credentials")


# ---------------------------------------------------------------------- bodies


@difference("JSON that is no UTF-8 is as invalid as other invalid JSON: 422, and where it is")
def unreadable_json_is_422(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    if theirs.status != 400 or content_of(step) != b'{"title": "V\xff"}':
        return None
    return with_detail(
        with_status(theirs, 422),
        [
            {
                "type": "json_invalid",
                "loc": ["body", 12],
                "msg": "JSON decode error",
                "input": {},
                "ctx": {"error": "Invalid UTF-8: invalid start byte"},
            }
        ],
    )


@difference("NaN, infinities and a byte order mark are no JSON (RFC 8259, sections 6 and 8.1)")
def takes_no_more_than_json(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    refused = {
        b"NaN": (0, "JSON is malformed: invalid character"),
        b'{"a": Infinity}': (6, "JSON is malformed: invalid character"),
        b"\xef\xbb\xbf{}": (0, "Unexpected UTF-8 BOM (decode using utf-8-sig)"),
    }.get(content_of(step))
    if refused is None or theirs.status != 200:
        return None
    position, reason = refused
    return with_detail(
        with_status(theirs, 422),
        [
            {
                "type": "json_invalid",
                "loc": ["body", position],
                "msg": "JSON decode error",
                "input": {},
                "ctx": {"error": reason},
            }
        ],
    )


@difference("a body is parsed in its turn: dependencies have been set up, and see the error")
def parses_bodies_in_their_turn(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    if len(theirs.entries) != 2:
        return None
    errors = errors_of(theirs)
    if step.path == "/exhibits" and errors and errors[0]["type"] == "json_invalid":
        if sent_header(step, "authorization") is None:
            refused = with_header(
                with_detail(with_status(theirs, 401), "Not authenticated"),
                "www-authenticate",
                'Bearer realm="OAuth2PasswordBearer"',
            )
            return with_entries(refused, "visit of /exhibits")
        return with_entries(
            theirs,
            "visit of /exhibits",
            "ada for exhibits:write",
            "keys taken",
            "transaction with keys",
            "rolled back: RequestValidationError",
            "transaction ended",
        )
    if step.path == "/desk/photo" and theirs.status == 400:
        return with_entries(
            theirs,
            "clerk comes",
            f"clerk locks the drawer: {detail_of(theirs)}",
            "drawer has []",
            "clerk goes",
        )
    return None


@difference("a body without a content type is JSON, as in FastAPI 0.117")
def untyped_bodies_are_json(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    if not content_of(step) or sent_header(step, "content-type") or theirs.status != 200:
        return None
    return with_body(theirs, b'{"a":1}')


@difference(
    "null in place of a body, or of one of several, is as if it were missing: FastAPI 0.117"
)
def null_is_no_body(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    if content_of(step) != b"null" and step.options.get("json") != {"reason": None}:
        return None

    def change(error: Any) -> Any:
        if error["input"] is not None:
            return error
        return {"type": "missing", "loc": error["loc"], "msg": "Field required", "input": None}

    return with_errors(theirs, change)


# ---------------------------------------------------------------------- errors


@difference("errors of a group of headers name the model's field, as in FastAPI 0.117")
def groups_name_fields(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    def change(error: Any) -> Any:
        is_header = error["loc"] == ["header", "x-battery"]
        return {**error, "loc": ["header", "x_battery"]} if is_header else error

    return with_errors(theirs, change)


@difference("of a file in an error there is to know its name, size and headers")
def files_are_shown_from_outside(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    def change(error: Any) -> Any:
        file = error["input"]
        if not isinstance(file, dict) or "filename" not in file:
            return error
        return {**error, "input": {name: file[name] for name in ("filename", "size", "headers")}}

    return with_errors(theirs, change)


@difference("secrets are hidden in errors")
def secrets_are_hidden(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    def change(error: Any) -> Any:
        shown = error["input"]
        if error["loc"][-1] == "lock":
            return {**error, "input": "**********"}
        if not isinstance(shown, dict) or "lock" not in shown:
            return error
        return {**error, "input": {**shown, "lock": "**********"}}

    return with_errors(theirs, change)


@difference("the reason of a close frame is text (RFC 6455, section 5.5.1)")
def reasons_are_text(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    if theirs.status != 1008 or not isinstance(theirs.body[0]["refused"], list):
        return None
    errors = theirs.body[0]["refused"]
    lines = [f"{'.'.join(each['loc'])}: {each['msg']} ({each['type']})" for each in errors]
    count = f"{len(errors)} validation error{'s' if len(errors) > 1 else ''}"
    reason = "\n  ".join([count, *lines])[:123]
    return replace(theirs, body=[{"refused": reason}])


# ---------------------------------------------------------------------- results


@difference("exponents are written without a sign that says nothing")
def exponents_have_no_plus(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    if step.path != "/visitors/anything" or b"e+" not in theirs.body:
        return None
    return with_body(theirs, theirs.body.replace(b"e+", b"e"))


@difference("durations are written in days and seconds, another form of ISO 8601")
def durations_are_in_seconds(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    known = {b'"PT1H30M"': b'"PT5400S"', b'"P1DT2H3M4.5S"': b'"P1DT7384.5S"'}
    written = re.search(rb'"P\d*D?T[^"]*[HM][^"]*"', theirs.body) if theirs.status == 200 else None
    if written is None:
        return None
    return with_body(theirs, theirs.body.replace(written[0], known[written[0]]))


@difference("values without an annotation are written as values with one are")
def untyped_values_are_written_alike(step: Step, theirs: Outcome, ours: Outcome) -> Outcome | None:
    if not step.path.endswith("/untyped"):
        return None
    body = theirs.body
    for old, new in {
        b'"2026-11-24T12:00:00+00:00"': b'"2026-11-24T12:00:00Z"',
        b'"length":5400.0': b'"length":"PT5400S"',
        b'"price":9.9': b'"price":9.90',
        b'"seal":"wax"': b'"seal":"d2F4"',
    }.items():
        body = body.replace(old, new)
    return with_body(theirs, body)


# ---------------------------------------------------------------------- the order of things


@difference(
    "wider scopes open first; a task that fails does not stop the others, nor do dependencies see it"
)
def tasks_and_dependencies_are_strangers(
    step: Step, theirs: Outcome, ours: Outcome
) -> Outcome | None:
    if not step.path.endswith("/failing/copies"):
        return None
    entries = [entry for entry in theirs.entries if entry != "copier: no paper"]
    entries.remove("copier on")
    entries.insert(1, "copier on")
    entries.insert(entries.index("the copier fails") + 1, "second copy")
    return replace(theirs, entries=tuple(entries))


def surprises(
    steps: Sequence[Step], theirs: Sequence[Outcome], ours: Sequence[Outcome]
) -> tuple[list[str], set[Change]]:
    """Compare two sessions: tell of differences that are not in the table, and which of it are."""
    found: list[str] = []
    used: set[Change] = set()
    for step, their, our in zip(steps, theirs, ours, strict=True):
        expected, applied = expected_of_microfw(step, their, our)
        used.update(applied)
        if expected != our:
            found.append(f"{step}\n  expected {expected}\n  but was  {our}")
    return found, used
