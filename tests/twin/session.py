"""What visitors of the museum ask for, one after the other; every other time something is wrong."""

import json
from base64 import b64encode
from typing import Any

import jwt

from tests.twin.museum.staff import ALGORITHM, END_OF_TIME, SIGNING_KEY
from tests.twin.playing import HEAR, Step

Header = tuple[str, str]


def get(path: str, *headers: Header, **options: Any) -> Step:
    return Step("GET", path, {"headers": list(headers), **options})


def post(path: str, *headers: Header, **options: Any) -> Step:
    return Step("POST", path, {"headers": list(headers), **options})


def ask(method: str, path: str, *headers: Header, **options: Any) -> Step:
    return Step(method, path, {"headers": list(headers), **options})


def talk(path: str, *lines: Any, headers: dict[str, str] | None = None) -> Step:
    return Step("WEBSOCKET", path, {"headers": headers or {}}, lines)


def token(name: str = "ada", scope: str = "exhibits:write vault:open", **claims: Any) -> Header:
    claims = {"sub": name, "scope": scope, "exp": END_OF_TIME, **claims}
    return bearer(jwt.encode(claims, SIGNING_KEY, ALGORITHM))


def bearer(credentials: str) -> Header:
    return "Authorization", f"Bearer {credentials}"


def basic(credentials: bytes) -> Header:
    return "Authorization", f"Basic {b64encode(credentials).decode()}"


def content_type(value: str) -> Header:
    return "Content-Type", value


def cookie(value: str) -> Header:
    return "Cookie", value


JSON = content_type("application/json")
FORM = content_type("application/x-www-form-urlencoded")
MULTIPART = content_type("multipart/form-data; boundary=here")

FORGED = jwt.encode({"sub": "ada", "exp": END_OF_TIME}, "x" * 32, ALGORITHM)
UNSIGNED = jwt.encode({"sub": "ada", "exp": END_OF_TIME}, "", "none")


# ---------------------------------------------------------------------- looking around

LOOKING = [
    get("/"),
    get("/?"),
    ask("HEAD", "/"),
    ask("OPTIONS", "/"),
    post("/"),
    get("/nowhere"),
    get("/exhibits"),
    get("/exhibits/"),
    get("/exhibits?limit=1"),
    get("/exhibits?limit=2&offset=1&order=year"),
    get("/exhibits?material=clay"),
    get("/exhibits?tag=maps&tag=flemish"),
    get("/exhibits?tag=maps&tag=greek"),
    get("/exhibits?tag="),
    get("/exhibits?limit=0"),
    get("/exhibits?limit=51&offset=-1"),
    get("/exhibits?limit=ten&material=gold&order=title"),
    get("/exhibits?limit=&offset="),
    get("/exhibits?limit=1&limit=2"),
    get("/exhibits?limit=1.0"),
    get("/exhibits?limit=1.5"),
    get("/exhibits?limit=1&colour=red"),
    get("/exhibits?colour=red&colour=blue&size=9"),
    get("/exhibits?limit=%31"),
    get("/exhibits?limit=%ff"),
    get("/exhibits?order=number%00"),
    get("/exhibits/1"),
    get("/exhibits/2", ("If-None-Match", '"2-1595"')),
    get("/exhibits/2", ("If-None-Match", '"2-1596"')),
    ask("HEAD", "/exhibits/2"),
    get("/exhibits/1/"),
    get("/exhibits/99"),
    get("/exhibits/0"),
    get("/exhibits/10001"),
    get("/exhibits/one"),
    get("/exhibits/1.0"),
    get("/exhibits/1e2"),
    get("/exhibits/%20" + "1"),
    get("/exhibits/+1"),
    get("/exhibits/1_0"),
    get("/exhibits/" + "9" * 5000),
    get("/exhibits/%F0%9F%8F%BA"),
    get("/exhibits/newest"),
    get("/exhibits/by-year/1000/1700"),
    get("/exhibits/by-year/-1000/1800?limit=1"),
    get("/exhibits/by-year/a/b?limit=0&material=wood"),
    get("/exhibits/by-year/1/2?limit=100"),
    get("/exhibits/by-year/1/2?limit=99.0"),
    get("/exhibits/on-floor/0"),
    get("/exhibits/on-floor/-1"),
    get("/exhibits/on-floor/7"),
    get("/exhibits/on-floor/ground"),
    get("/exhibits/2/label/en"),
    get("/exhibits/2/label/nl?upper=yes"),
    get("/exhibits/2/label/nl?upper=maybe"),
    get("/exhibits/2/label/nld"),
    get("/exhibits/two/label/n"),
    get("/exhibits/7/label/en"),
    get("/exhibits/2/pages/one"),
    get("/exhibits/2/pages/one/two%2Fthree/"),
    get("/exhibits/2/pages/"),
    get("/exhibits/x/pages/y"),
    get("/exhibits/2/raw"),
    get("/exhibits/3/raw"),
    get("/exhibits/4/raw"),
    get("/exhibits", ("X-Refuse", "tourists")),
    get("/exhibits?limit=none", ("X-Refuse", "tourists")),
    ask("DELETE", "/exhibits"),
    ask("BREW", "/exhibits/1"),
    ask("PUT", "/exhibits/1/label/en"),
    get("/exhibits", ("Origin", "https://museum.example")),
    get("/exhibits", ("Origin", "https://thieves.example")),
    ask(
        "OPTIONS",
        "/exhibits/1",
        ("Origin", "https://museum.example"),
        ("Access-Control-Request-Method", "PUT"),
    ),
    ask(
        "OPTIONS",
        "/exhibits/1",
        ("Origin", "https://museum.example"),
        ("Access-Control-Request-Method", "DELETE"),
        ("Access-Control-Request-Headers", "X-Other"),
    ),
]

# ---------------------------------------------------------------------- who may

STAFF = [
    post("/staff/token", data={"username": "ada", "password": "engine"}),
    post(
        "/staff/token",
        data={"username": "ben", "password": "brass", "scope": "exhibits:write vault:open x"},
    ),
    post("/staff/token", data={"username": "ada", "password": "wrong"}),
    post("/staff/token", data={"username": "zoe", "password": "engine"}),
    post("/staff/token", data={"username": "ada"}),
    post("/staff/token", data={"username": "", "password": ""}),
    post("/staff/token"),
    post("/staff/token", json={"username": "ada", "password": "engine"}),
    post("/staff/token", FORM, content=b"username=ada&password=engine&grant_type=password"),
    post("/staff/token", FORM, content=b"username=ada&password=engine&grant_type=passwords"),
    post("/staff/token", FORM, content=b"username=ada&password=%80%ff&&=&x"),
    post("/staff/token", MULTIPART, content=b"--here\r\n"),
    post("/staff/token/strict", data={"username": "a", "password": "b"}),
    post("/staff/token/strict", data={"username": "a", "password": "b", "grant_type": "code"}),
    post(
        "/staff/token/strict",
        data={"username": "a", "password": "b", "grant_type": "password", "client_id": "c"},
    ),
    get("/staff/token"),
    get("/staff/me", token()),
    get("/staff/me", token("cleo", "")),
    get("/staff/me", token("zoe")),
    get("/staff/me", token(exp=1_000_000)),
    get("/staff/me", token(nbf=END_OF_TIME)),
    get("/staff/me"),
    get("/staff/me", bearer("")),
    get("/staff/me", bearer("not.a.token")),
    get("/staff/me", bearer(FORGED)),
    get("/staff/me", bearer(UNSIGNED)),
    get("/staff/me", ("Authorization", "Basic YTpi")),
    get("/staff/me", ("Authorization", "bearer" + token()[1][6:])),
    get("/staff/me", ("Authorization", "Bearer")),
    get("/staff/vault", token()),
    get("/staff/vault", token("ben", "exhibits:write")),
    get("/staff/vault", token("cleo", "")),
    get("/staff/vault"),
    get("/staff/locker", basic(b"ada:1234")),
    get("/staff/locker", basic("søren:a:b".encode())),
    get("/staff/locker", basic(b":")),
    get("/staff/locker", basic(b"no colon")),
    get("/staff/locker", basic(b"\xff\xfe:x")),
    get("/staff/locker", ("Authorization", "Basic ???")),
    get("/staff/locker", ("Authorization", "Basic")),
    get("/staff/locker", ("Authorization", "Digest abc")),
    get("/staff/locker"),
    get("/staff/radio", bearer("channel-5")),
    get("/staff/radio", ("Authorization", "BEARER channel-5")),
    get("/staff/radio", ("Authorization", "Morse channel-5")),
    get("/staff/radio"),
    get("/staff/doors/5", ("X-Chip", "c"), cookie("badge=b")),
    get("/staff/doors/5?code=1&code=2"),
    get("/staff/doors/five?code="),
    get("/staff/alarm", ("X-Chip", "c")),
    get("/staff/alarm"),
]

# ---------------------------------------------------------------------- changes to the collection

VASE = {
    "title": "Vase",
    "year": 1880,
    "material": "clay",
    "tags": ["blue"],
    "acquired": "1920-05-01",
}
MASK = {
    "title": "Mask",
    "year": "1650",
    "material": "bronze",
    "floor": 1,
    "size": {"height": "30.5", "width": 20, "colour": "ignored"},
    "insured_for": "12000.50",
}


def exhibit(**changes: Any) -> dict[str, Any]:
    return VASE | changes


CHANGES = [
    post("/exhibits", token(), json=VASE),
    post("/exhibits", token("ben"), json=MASK),
    get("/exhibits/5"),
    get("/exhibits/5/raw"),
    post("/exhibits", json=VASE),
    post("/exhibits", JSON, content=b"{"),
    post("/exhibits", token("cleo", "vault:open"), json=VASE),
    post("/exhibits", token(), json=exhibit(title="LOUD")),
    post("/exhibits", token(), json=exhibit(acquired="1066-10-14")),
    post("/exhibits", token(), json=exhibit(title="", year=2027, material="wood", tags="blue")),
    post("/exhibits", token(), json=exhibit(title=1, year="old", material=None, tags=[1, "A", ""])),
    post("/exhibits", token(), json=exhibit(year=1.5, floor=9, size={"height": 0, "unit": "m"})),
    post("/exhibits", token(), json=exhibit(size=[], insured_for=1.234, acquired="1920-13-01")),
    post("/exhibits", token(), json=exhibit(insured_for="12345678.00", tags=list("abcdef"))),
    post("/exhibits", token(), json=exhibit(insured_for="much", acquired=12345.6, floor="0")),
    post("/exhibits", token(), json=exhibit(colour="red", weight=2)),
    post("/exhibits", token(), json={}),
    post("/exhibits", token(), json=[]),
    post("/exhibits", token(), json=[VASE]),
    post("/exhibits", token(), json="Vase"),
    post("/exhibits", token(), json=None),
    post("/exhibits", token()),
    post("/exhibits", token(), JSON, content=b""),
    post("/exhibits", token(), JSON, content=b"   "),
    post("/exhibits", token(), JSON, content=b"null"),
    post("/exhibits", token(), JSON, content=b'{"title": "Vase",}'),
    post("/exhibits", token(), JSON, content=b'{"title": "Vase" "year": 3}'),
    post("/exhibits", token(), JSON, content=b'{"title": "Va'),
    post("/exhibits", token(), JSON, content=b"{'title': 'Vase'}"),
    post("/exhibits", token(), JSON, content=b"title"),
    post("/exhibits", token(), JSON, content=b'{"title": "Vase"} {}'),
    post("/exhibits", token(), JSON, content=b'{"title": "V\xff"}'),
    post("/exhibits", token(), FORM, content=json.dumps(VASE).encode()),
    post("/exhibits", token(), content_type("text/plain"), content=json.dumps(VASE).encode()),
    post("/exhibits", token(), content_type("application/vnd.museum+json"), content=b'{"year": 1}'),
    post("/exhibits", token(), content_type("APPLICATION/JSON; charset=utf-8"), content=b"{}"),
    post("/exhibits?number=3", token(), ("X-Refuse", "gifts"), json=VASE),
    ask("PUT", "/exhibits/4", token(), json={"exhibit": VASE, "reason": "found", "urgent": True}),
    ask("PUT", "/exhibits/4", token(), json={"exhibit": VASE, "reason": "no"}),
    ask("PUT", "/exhibits/four", token(), json={"exhibit": {}, "reason": 1, "urgent": "perhaps"}),
    ask("PUT", "/exhibits/4", token(), json={"reason": None}),
    ask("PUT", "/exhibits/4", token(), json=VASE),
    ask("PUT", "/exhibits/4", token(), json=[]),
    ask("PUT", "/exhibits/4", token(), json=5),
    ask("PUT", "/exhibits/4", token()),
    ask("PUT", "/exhibits/4", json={"exhibit": VASE, "reason": "found"}),
    ask("PUT", "/exhibits/98", token(), json={"exhibit": VASE, "reason": "found"}),
    ask("PATCH", "/exhibits/4", token(), json={"change": {"year": 1881, "tags": None}}),
    ask("PATCH", "/exhibits/4", token(), json={"change": {}}),
    ask("PATCH", "/exhibits/4", token(), json={"change": {"title": ""}}),
    ask("PATCH", "/exhibits/4", token(), json={"title": "x"}),
    ask("PATCH", "/exhibits/4", token(), json={"change": "title"}),
    ask("PATCH", "/exhibits/97", token(), json={"change": {}}),
    ask("DELETE", "/exhibits/5", token()),
    ask("DELETE", "/exhibits/5", token()),
    ask("DELETE", "/exhibits/4"),
    ask("DELETE", "/exhibits/0", token()),
    get("/exhibits?order=year"),
]

# ---------------------------------------------------------------------- visitors

IRIS: dict[str, Any] = {"name": "Iris", "age": 41}
GUIDE = "7b1c3a52-4c0d-4f6e-9a7d-2f1e5c8b9a00"

VISITORS = [
    post("/visitors", json=IRIS),
    post("/visitors", json=IRIS | {"companions": [{"name": "Jo", "age": "7"}], "notes": {"a": 1}}),
    post("/visitors", json=IRIS | {"companions": [{"name": "Jo"}, 5, {"age": "x"}]}),
    post("/visitors", json={"age": None, "newsletter": "often", "notes": []}),
    post("/visitors", json=IRIS | {"password": "x"}),
    post("/visitors", json=[IRIS]),
    post("/visitors", json="Iris"),
    post("/visitors", json=7),
    post("/visitors"),
    post("/visitors/groups", json=[IRIS, IRIS | {"name": "Max"}]),
    post("/visitors/groups", json=[IRIS]),
    post("/visitors/groups", json=[IRIS, {"name": "Max"}, None]),
    post("/visitors/groups", json=IRIS),
    post("/visitors/groups", json=[]),
    post("/visitors/companions", json={"added": IRIS}),
    post("/visitors/companions", json={"added": IRIS, "removed": IRIS, "reason": "late"}),
    post("/visitors/companions", json={"removed": {}, "reason": 5}),
    post("/visitors/companions", json={"added": IRIS, "removed": None}),
    post("/visitors/companions", json=IRIS),
    post("/visitors/companions"),
    post("/visitors/payments", json={"kind": "cash", "cents": 1200}),
    post("/visitors/payments", json={"kind": "card", "number": "1" * 12, "cardHolder": "I"}),
    post("/visitors/payments", json={"kind": "card", "number": "1" * 11, "holder": "I"}),
    post("/visitors/payments", json={"kind": "cash", "cents": 0}),
    post("/visitors/payments", json={"kind": "shells", "cents": 9}),
    post("/visitors/payments", json={"cents": 9}),
    post("/visitors/payments", json={"kind": ["cash"]}),
    post("/visitors/payments", json="cash"),
    post("/visitors/rooms", json={"name": "a", "rooms": [{"name": "b", "rooms": []}]}),
    post("/visitors/rooms", json={"name": "a", "rooms": [{"name": "b"}, {"rooms": [{"name": 1}]}]}),
    post("/visitors/rooms", JSON, content=b'{"name":"a","rooms":[' * 30 + b"]}" * 30),
    post("/visitors/rooms", json={"name": "a", "rooms": {"name": "b"}}),
    post("/visitors/hours", json=[{"day": "mon", "opens": 9, "closes": 17}]),
    post("/visitors/hours", json=[{"day": "mon", "opens": 9, "closes": "8"}]),
    post("/visitors/hours", json=[{"day": "sun", "opens": 9.5}, []]),
    post("/visitors/hours", json=[{"day": "mon", "opens": 9, "closes": 17, "lunch": 12}]),
    post("/visitors/prices", json={"adult": "12.50", "child": 3, "group": 99.9}),
    post("/visitors/prices", json={"adult": "free", "child": None, "": []}),
    post("/visitors/prices", json=[1]),
    post("/visitors/anything", json={"a": [1, 2.5, None, True, {"é": "☃"}]}),
    post("/visitors/anything", json="text"),
    post("/visitors/anything", json=0),
    post("/visitors/anything", json=False),
    post("/visitors/anything", JSON, content=b"1e3"),
    post("/visitors/anything", JSON, content=b'{"a": 1, "a": 2}'),
    post("/visitors/anything", JSON, content=b'"\\ud83c\\udffa"'),
    post("/visitors/anything", JSON, content=b"-0.0"),
    post("/visitors/anything", JSON, content=b"12345678901234567890123"),
    post("/visitors/anything", JSON, content=b"1e16"),
    post("/visitors/anything", JSON, content=b"[1.0, 0.1, 1e-7, 123456789.125, 5e300]"),
    post("/visitors/anything", JSON, content=b"NaN"),
    post("/visitors/anything", JSON, content=b'{"a": Infinity}'),
    post("/visitors/anything", JSON, content=b"tru"),
    post("/visitors/anything", JSON, content=b"\xef\xbb\xbf{}"),
    post("/visitors/anything", content=b'{"a": 1}'),
    post("/visitors/anything"),
    post("/visitors/number", json=5),
    post("/visitors/number", json="5"),
    post("/visitors/number", json=5.0),
    post("/visitors/number", json=5.5),
    post("/visitors/number", json=True),
    post("/visitors/number", json=-5),
    post("/visitors/number", json={"number": 5}),
    post("/visitors/number", json="five"),
    post("/visitors/either", json=5),
    post("/visitors/either", json="all"),
    post("/visitors/either", json=["1.5", 2]),
    post("/visitors/either", json=None),
    post("/visitors/either", json="some"),
    post("/visitors/either", json={"a": 1}),
    post("/visitors/either", json=["x"]),
    get("/visitors/device"),
    get("/visitors/device", ("Accept-Language", "nl"), ("X-Battery", "80"), ("X-Near", "1")),
    get("/visitors/device", ("X-Near", "1"), ("X-Near", "2")),
    get("/visitors/device", ("X-Battery", "101")),
    get("/visitors/device", ("X-Battery", "full")),
    get("/visitors/ticket", cookie("ticket=AB1234")),
    get("/visitors/ticket", cookie("ticket=AB1234; visits=3; other=1")),
    get("/visitors/ticket", cookie("ticket=ab1234; visits=many")),
    get("/visitors/ticket", cookie("ticket")),
    get("/visitors/ticket", cookie('ticket="AB1234"')),
    get("/visitors/ticket", cookie("ticket=AB1234; ticket=CD5678")),
    get("/visitors/ticket"),
    get("/visitors/languages"),
    get("/visitors/languages", ("X-Language", "nl"), ("X-Language", "en, de")),
    get("/visitors/languages", ("strange_header", "s"), ("strange-header", "t")),
    get("/visitors/languages", ("X-Count", "-1"), cookie("visits=100; theme=blue")),
    get("/visitors/languages", ("X-Count", "x"), cookie("visits=x; theme=dark")),
    get("/visitors/languages", cookie("visits=9; theme=light;")),
    get("/visitors/languages", cookie(";;;=;visits;theme=")),
    get("/visitors/times?day=2026-11-24&moment=2026-11-24T10:30:00Z&hour=10:30&length=PT90M"),
    get("/visitors/times?day=1764000000&moment=1764000000&hour=3600&length=90"),
    get("/visitors/times?moment=2026-11-24T10:30:00%2B05:30&length=1+day,+02:03:04.5"),
    get("/visitors/times?day=2026-02-30&moment=noon&hour=25:00&length=long"),
    get("/visitors/times?day=2026-11-24T10:00&moment=2026-11-24T10&hour=10&length=P"),
    get("/visitors/times?day=&moment=&hour=&length="),
    get("/visitors/values?needed=1"),
    get(f"/visitors/values?needed=1&price=9.90&ratio=1&guide={GUIDE}&open=no&step=15&code=abc"),
    get("/visitors/values?needed=1&room[]=1&room[]=2&kind=child&either=5"),
    get("/visitors/values?needed=1&either=five&guide=urn:uuid:" + GUIDE),
    get("/visitors/values"),
    get("/visitors/values?needed=x&price=x&ratio=2&guide=x&open=x&step=4&code=ABCDE&kind=x"),
    get("/visitors/values?needed=1&room[]=1&room[]=x&room[]=&code=a&ratio=nan"),
    get("/visitors/values?needed=1&room[]=1&room[]=2&room[]=3&room[]=4&ratio=-0.1"),
    get("/visitors/values?needed=1&price=NaN&ratio=inf&step=0&code="),
    get("/visitors/values?needed=1&open=&price=1e3&ratio=.5"),
    get("/visitors/values?needed=0x10&open=TRUE&step=1_5"),
    get("/visitors/leave"),
    get("/visitors/leave?quietly=1"),
    get("/visitors/leave?quietly=2"),
]

# ---------------------------------------------------------------------- forms and files

PHOTO = ("jug.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "image/png")


def part(disposition: str, content: bytes = b"x", more: str = "") -> bytes:
    head = f"--here\r\nContent-Disposition: {disposition}\r\n{more}\r\n"
    return head.encode() + content + b"\r\n"


END = b"--here--\r\n"

DESK = [
    post("/desk/feedback", data={"text": "lovely"}),
    post("/desk/feedback", data={"text": "lovely", "stars": "5", "rooms": ["1", "2"]}),
    post("/desk/feedback", data={"text": "lovely", "anonymous": "on", "extra": "ignored"}),
    post("/desk/feedback", files={"text": (None, "lovely"), "stars": (None, "4")}),
    post("/desk/feedback", data={"text": "ok", "stars": "6", "rooms": ["1", "x"]}),
    post("/desk/feedback", data={"text": "x" * 31, "stars": "", "anonymous": "maybe"}),
    post("/desk/feedback", data={"stars": "none"}),
    post("/desk/feedback", data={"text": ""}),
    post("/desk/feedback", json={"text": "lovely"}),
    post("/desk/feedback"),
    post("/desk/feedback", FORM, content=b"text=a+b%20c&text=second&stars=2"),
    post("/desk/feedback", FORM, content=b"text=%zz%f&stars=2;rooms=3"),
    post("/desk/feedback", files={"text": PHOTO}),
    post("/desk/survey", data={"name": "Iris", "stars": "5"}),
    post("/desk/survey", data={"name": "Iris", "stars": "5", "rooms": ["3", "4"], "again": "no"}),
    post("/desk/survey", data={"name": "Iris", "stars": "9", "rooms": ["a"], "remark": "y" * 21}),
    post("/desk/survey", data={"name": "", "stars": ""}),
    post("/desk/survey", data={"name": "Iris", "stars": "5", "phone": "1"}),
    post("/desk/survey", data={"name": "Iris", "stars": "5", "remark": ""}),
    post("/desk/survey"),
    post("/desk/photo", files={"photo": PHOTO}),
    post("/desk/photo", files={"photo": PHOTO}, data={"caption": "a jug"}),
    post("/desk/photo", files={"photo": PHOTO}, data={"caption": "z" * 21}),
    post("/desk/photo", files={"photo": ("empty.png", b"", "image/png")}),
    post("/desk/photo", data={"photo": "not a file"}),
    post("/desk/photo", data={"caption": "no photo"}),
    post("/desk/photo", files={"picture": PHOTO}),
    post("/desk/photo"),
    post("/desk/photo", json={"photo": "x"}),
    post("/desk/photo", content_type("multipart/form-data"), content=b"--here--"),
    post("/desk/photo", MULTIPART, content=b"no boundary at all"),
    post("/desk/photo", MULTIPART, content=part('form-data; name="photo"; filename="a\\"b"') + END),
    post("/desk/photo", MULTIPART, content=part('form-data; filename="a"') + END),
    post("/desk/photo", MULTIPART, content=part("form-data; name=photo; filename=a")),
    post("/desk/photo", MULTIPART, content=part("attachment") + END),
    post("/desk/photo", MULTIPART, content=part('form-data; name="photo"; filename=""', b"") + END),
    post("/desk/photo", MULTIPART, content=b"--here\r\nno colon\r\n\r\nx\r\n" + END),
    post("/desk/photo", MULTIPART, content=END),
    post("/desk/photos", files=[("photos", PHOTO), ("photos", ("b", b"bb", "text/plain"))]),
    post("/desk/photos", files=[("photos", PHOTO)], data={"captions": ["one", "two"]}),
    post("/desk/photos", files=[("photos", PHOTO)], data={"photos": "text"}),
    post("/desk/photos", data={"captions": ["one"]}),
    post("/desk/photos"),
    post("/desk/weigh", files={"parcel": ("p", b"12345")}),
    post("/desk/weigh", files={"parcel": ("p", b"12345"), "stamp": ("s", b"1")}),
    post("/desk/weigh", data={"parcel": "12345"}),
    post("/desk/weigh", files={"parcel": ("p", b"x" * 65)}),
    post("/desk/weigh", files={"stamp": ("s", b"1")}),
    post("/desk/found", data={"thing": "glove"}),
    post("/desk/found", data={"thing": "glove"}, files={"picture": ("g.png", b"123")}),
    post("/desk/found", data={"thing": "glove", "picture": ""}, files={"other": ("g", b"1")}),
    post("/desk/found", files={"thing": ("g.png", b"123")}),
    post("/desk/found", data={"thing": "glove", "picture": "text"}),
    ask("PUT", "/desk/found", data={"thing": "glove"}),
]

# ---------------------------------------------------------------------- streams

STREAMS = [
    get("/streams/exhibits"),
    get("/streams/exhibits?first=3"),
    get("/streams/exhibits?first=99"),
    get("/streams/exhibits?first=x"),
    ask("PUT", "/streams/exhibits"),
    get("/streams/years"),
    get("/streams/rumours?first=1"),
    get("/streams/rumours?first=0"),
    get("/streams/visits"),
    get("/streams/visits", ("Last-Event-ID", "7")),
    get("/streams/visits", ("Last-Event-ID", "-7")),
    get("/streams/labels?first=2"),
    get("/streams/labels"),
    get("/streams/audio"),
    get("/streams/audio/returned"),
    get("/streams/audio/returned?loud=true"),
    get("/streams/audio/returned?loud=very"),
    get("/streams/guide"),
    get("/streams/guide", ("Range", "bytes=0-3")),
    get("/streams/guide", ("Range", "bytes=-6")),
    get("/streams/guide", ("Range", "bytes=900-")),
    get("/streams/guide", ("Range", "lines=1-2")),
    ask("DELETE", "/streams/guide"),
    get("/streams/guide.html"),
    get("/streams/audio", ("Accept-Encoding", "gzip")),
    get("/streams/exhibits", ("Accept-Encoding", "identity")),
]

# ---------------------------------------------------------------------- incidents

INCIDENTS = [
    get("/east/incidents/none"),
    get("/west/incidents/none"),
    get("/west/incidents/late"),
    get("/east/incidents/none?kind=late"),
    get("/east/incidents/division"),
    get("/east/incidents/loss"),
    get("/east/incidents/secret"),
    get("/east/incidents/closed"),
    get("/west/incidents/teapot"),
    get("/east/incidents/nothing"),
    get("/east/incidents/bug"),
    get("/east/incidents/odd"),
    get("/east/incidents/unknown"),
    get("/east/incidents/wrong/result"),
    get("/east/incidents/failing/copies"),
    get("/incidents/none"),
    ask("POST", "/west/incidents/none"),
]

# ---------------------------------------------------------------------- the annex

ANNEX = [
    get("/annex"),
    get("/annex/"),
    get("/annex/label"),
    post("/annex/crates/keep", json={"label": "a", "weightInGrams": 30_000, "lock": "9"}),
    ask("PUT", "/annex/crates/keep", json={"label": "a", "opened_by": "Iris"}),
    post("/annex/crates/keep", json={"label": None, "weightInGrams": 0, "lock": 9}),
    ask("PATCH", "/annex/crates/keep", json={"label": "a"}),
    post("/annex/crates/close", json={"label": "a", "openedBy": "Max"}),
    post("/annex/crates/send", json={"label": "a", "weightInGrams": 1000}),
    post("/annex/crates/shelf", json={"items": [{"label": "a"}, {"label": "b"}], "place": 3}),
    post("/annex/crates/shelf", json={"items": [{}, {"label": 1}, 5], "place": "3"}),
    post("/annex/crates/hide", json={"label": "a", "lock": "secret"}),
    post("/annex/crates/rows", json=[[1, 2], ["3"]]),
    post("/annex/crates/rows?times=4", json=[[1, 2], ["3"]]),
    post("/annex/crates/rows?times=3", json=[[1], [None, "x"], 5]),
    post("/annex/crates/weigh", json={"grams": 5}),
    post("/annex/crates/weigh", json={"grams": None}),
    post("/annex/crates/weigh", json={"grams": 0}),
    post("/annex/crates/weigh", json=5),
    post("/annex/crates/weigh"),
    get("/annex/crates/numbers?numbers=[1,2,3]&skip=1"),
    get("/annex/crates/numbers?numbers=[1,2,3]&limit=11&skip=x"),
    get("/annex/crates/numbers?numbers=[1,x]"),
    get("/annex/crates/numbers?numbers=7"),
    get("/annex/crates/numbers"),
    get("/annex/crates/untyped"),
]

# ---------------------------------------------------------------------- the gift shop

SHOP = [
    get("/shop/articles"),
    get("/shop/articles?page=2"),
    get("/shop/articles?page=0"),
    post("/shop/articles", json={"name": "bell", "cents": 900}),
    post("/shop/articles", json={"name": "a very long name", "cents": 0}),
    post("/shop/articles", json=[1]),
    post("/shop/articles", JSON, content=b"{]"),
    post("/shop/articles"),
    get("/shop/nothing"),
    ask("DELETE", "/shop/articles"),
    get("/shop"),
    get("/shop/articles/"),
]

# ---------------------------------------------------------------------- live

LIVE = [
    talk("/live/rooms/3?code=x", HEAR, "hello", HEAR, "bye", HEAR),
    talk("/live/rooms/3?volume=1", HEAR, "fire", HEAR, headers={"cookie": "ticket=AB1"}),
    talk("/live/rooms/3?code=x", HEAR, "hm", HEAR, 1001, headers={"x-name": "Iris"}),
    talk("/live/rooms/3", HEAR),
    talk("/live/rooms/three?code=x", HEAR),
    talk("/live/rooms/3?code=x&volume=11", HEAR),
    talk("/live/rooms/three?volume=loud", HEAR),
    talk("/live/nowhere", HEAR),
    talk("/live/numbers", '{"number": 1}', HEAR, HEAR, '{"number": 77}', HEAR, HEAR, 1000),
    get("/live/rooms/3"),
    get("/live/numbers", ("Connection", "upgrade"), ("Upgrade", "websocket")),
]

SESSION = [
    *LOOKING,
    *STAFF,
    *CHANGES,
    *VISITORS,
    *DESK,
    *STREAMS,
    *INCIDENTS,
    *ANNEX,
    *SHOP,
    *LIVE,
]
