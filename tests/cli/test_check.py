"""`microfw check` finds all mistakes at once, and what may not be meant."""

from itertools import pairwise

from tests.cli.conftest import Folder

MISTAKEN = """
from microfw import *

app = App()
router = Router()

def get_page(page: int): ...

@app.get("/a/{number}")
async def read(numbr: int): ...

@app.get("no-slash")
async def read_other(): ...

@app.websocket("no-slash")
async def talk(websocket: WebSocket): ...

@router.get("/c")
async def read_more(page=Depends(42)): ...

@app.get("/sound")
async def sound(page=Depends(get_page)): ...

app.include_router(router)
"""


def test_all_mistakes_are_reported_at_once(folder: Folder) -> None:
    folder.write("main.py", MISTAKEN)
    result = folder.run("check")
    assert result.exit_code == 1
    lines = result.stdout.replace(str(folder.path), "FOLDER").splitlines()
    assert [line for line in lines if line.startswith("mistake: ")] == [
        "mistake: the path has {number}, but neither the function nor a dependency takes it",
        "mistake: the path 'no-slash' does not start with '/'",
        "mistake: the path 'no-slash' does not start with '/'",
        "mistake: parameter 'page' depends on 42, which cannot be called",
    ]
    assert "  in:   read (main.py:9)" in lines
    assert lines[-1].endswith("4 mistakes, 0 warnings")


MISTAKEN_ALL_OVER = """
from typing import Annotated
from microfw import *

app = App()
router = Router()

def get_page(page: "Number", size: "Number", sort: dict = Header()): ...

async def get_log(): yield

async def get_session(log=Depends(get_log, scope="function")): yield

def get_rows(*columns):
    yield 1
    print()

@app.get("/{number}")
async def read(
    numbr: int,
    number: "Missing",
    page=Depends(get_page),
    session=Depends(get_session, scope="request"),
    shop: Annotated[dict, Query()] = None,
    user: Annotated[str, Depends(get_log)] = Depends(get_log),
) -> "Page": ...

@app.get("twice/{a}/{a}", status_code=1000, dependencies=[get_page, Depends(3)])
async def read_twice(a: dict, place: str = Path()): ...

@app.post("/form")
async def send(text: str = Form(), one: dict = Body(), other: list[dict] = Body()): ...

@router.websocket("talk")
def talk(name: str = Body(), rows=Depends(get_rows)): ...

app.include_router(router)
"""


def test_all_mistakes_of_a_route_and_of_what_it_depends_on_are_reported(folder: Folder) -> None:
    folder.write("main.py", MISTAKEN_ALL_OVER)
    result = folder.run("check")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [
        (line.removeprefix("mistake: ")[:46], where.removeprefix("  in:   "))
        for line, where in pairwise(lines)
        if line.startswith("mistake: ")
    ] == [
        ("the annotation 'Missing' of parameter 'number'", "read (main.py:18)"),
        ("the annotation 'Number' of parameter 'page' na", "get_page (main.py:8)"),
        ("the annotation 'Number' of parameter 'size' na", "get_page (main.py:8)"),
        ("parameter 'user' has two dependencies, in `Ann", "read (main.py:18)"),
        ("'get_session' lives in scope 'request' and use", "get_session (main.py:12)"),
        ("'sort' has the type dict, which no value of th", "get_page (main.py:8)"),
        ("'shop' has the type dict, which no value of th", "read (main.py:18)"),
        ("the annotation 'Page' of the return value name", "read (main.py:18)"),
        ("the path 'twice/{a}/{a}' has {a} more than onc", "read_twice (main.py:28)"),
        ("`dependencies=` holds get_page, which is not d", "read_twice (main.py:28)"),
        ("status_code=1000 is no status of HTTP", "read_twice (main.py:28)"),
        ("one of `dependencies=` depends on 3, which can", "read_twice (main.py:28)"),
        ("'a' has the type dict, which no value of the p", "read_twice (main.py:28)"),
        ("'one' is read from a body of JSON, and 'text' ", "send (main.py:31)"),
        ("'other' is read from a body of JSON, and 'text", "send (main.py:31)"),
        ("the path 'talk' does not start with '/'", "talk (main.py:34)"),
        ("the WebSocket endpoint 'talk' is not an async ", "talk (main.py:34)"),
        ("'get_rows' takes *columns: what it needs is no", "get_rows (main.py:14)"),
        ("'name' is read from the body, which a WebSocke", "talk (main.py:34)"),
        ("'place' is declared as Path(), but the path ha", "read_twice (main.py:28)"),
    ]
    assert "  path: read -> get_session -> get_log" in lines
    assert lines[-1] == "4 routes, 20 mistakes, 0 warnings"


def test_a_path_that_what_is_wrong_may_read_is_not_said_to_be_unread(folder: Folder) -> None:
    folder.write(
        "main.py",
        """
from microfw import *

app = App()

@app.get("/{number}")
async def read(sort: str, number: "It"): ...

@app.get("/{shop}")
async def read_shop(sort: str, shop: int = Query()): ...

@app.get("/{user}")
async def read_user(sort: str, user=Depends(42)): ...
""",
    )
    lines = folder.run("check").stdout.splitlines()
    assert [line for line in lines if line.startswith("mistake: ")] == [
        "mistake: the annotation 'It' of parameter 'number' names 'It', which is not known",
        "mistake: 'shop' stands in the path, but is declared as Query()",
        "mistake: parameter 'user' depends on 42, which cannot be called",
    ]


def test_dependencies_in_a_circle_are_reported_beside_other_mistakes(folder: Folder) -> None:
    folder.write(
        "main.py",
        """
from microfw import *

app = App()

def get_hen(egg=Depends(lambda: None), shell: dict = Header()): ...

def get_egg(hen=Depends(get_hen), shell: dict = Cookie()): ...

get_hen.__defaults__ = (Depends(get_egg), Header())

@app.get("/")
async def read(hen=Depends(get_hen), sort: dict = Query()): ...

def get_own(): ...

async def read_own(own: int, shell: dict = Header()): ...

app.get("/own", dependencies=[Depends(read_own), Depends(get_own)])(read_own)
""",
    )
    lines = folder.run("check").stdout.splitlines()
    assert [line for line in lines if line.startswith("mistake: ")] == [
        "mistake: 'get_hen' depends on itself",
        "mistake: 'shell' has the type dict, which no value of the cookies can have",
        "mistake: 'shell' has the type dict, which no value of the headers can have",
        "mistake: 'sort' has the type dict, which no value of the query string can have",
        "mistake: 'read_own' depends on itself",
        "mistake: 'shell' has the type dict, which no value of the headers can have",
    ]


def test_a_mistake_to_which_many_routes_lead_is_reported_once_with_ways_to_it(
    folder: Folder,
) -> None:
    routes = "".join(
        f'@app.get("/{n}")\nasync def read_{n}(user=Depends(get_user)): ...\n' for n in range(5)
    )
    start = "from microfw import *\napp = App()\nasync def get_user(sort: dict = Header()): ...\n"
    folder.write("main.py", start + routes)
    assert folder.run("check").stdout == (
        "mistake: 'sort' has the type dict, which no value of the headers can have\n"
        "  in:   get_user (main.py:3)\n"
        "  path: read_0 -> get_user\n"
        "  path: read_1 -> get_user\n"
        "  path: read_2 -> get_user\n"
        "  path: 2 more\n"
        "  cure: use a type that one piece of text can hold, such as str, int or datetime, or a"
        " list of these\n\n"
        "5 routes, 1 mistake, 0 warnings\n"
    )


def test_what_is_overridden_with_a_mistake_is_a_mistake(folder: Folder) -> None:
    folder.write(
        "main.py",
        """
from microfw import *

app = App()

def get_user(): ...

def get_other_user(shell: dict = Header(), sort: dict = Query()): ...

@app.get("/")
async def read(user=Depends(get_user)): ...

app.dependency_overrides[get_user] = get_other_user
""",
    )
    result = folder.run("check")
    assert result.exit_code == 1
    assert result.stdout.endswith("1 route, 2 mistakes, 0 warnings\n")


def test_what_an_import_raises_is_reported_after_the_mistakes_before_it(folder: Folder) -> None:
    folder.write(
        "main.py", 'from microfw import *\napp = App()\n@app.get("a")\nasync def a(): ...\n1 / 0'
    )
    result = folder.run("check")
    assert result.exit_code == 1
    assert "the path 'a' does not start with '/'" in result.stdout
    assert "main.py:5: ZeroDivisionError" in result.stderr


def test_a_sound_application_passes(folder: Folder) -> None:
    folder.write("main.py", 'from microfw import *\napp = App()\n@app.get("/")\nasync def a(): ...')
    assert folder.output("check") == "1 route, 0 mistakes, 0 warnings\n"


def test_a_type_without_a_schema_is_a_mistake(folder: Folder) -> None:
    folder.write(
        "main.py",
        """
from microfw import *
app = App()
class Strange:
    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        from pydantic_core import core_schema
        return core_schema.no_info_plain_validator_function(lambda value: value)

@app.post("/")
async def create(strange: Strange = Body()): ...
""",
    )
    result = folder.run("check")
    assert result.exit_code == 1
    assert "1 route, 1 mistake, 0 warnings\n" in result.stdout


def test_a_task_whose_dependencies_cannot_be_opened_is_a_mistake(folder: Folder) -> None:
    folder.write(
        "main.py",
        """
from taskiq import InMemoryBroker
from microfw import *
from microfw.tasks import TaskQueue

app = App()
queue = TaskQueue(app, InMemoryBroker())

def get_user(request: Request): ...

def get_name(): ...

@queue.task
async def invoice(order: int, name=Depends(get_name)): ...

app.dependency_overrides[get_name] = get_user
""",
    )
    result = folder.run("check")
    assert result.exit_code == 1
    assert result.stdout.startswith("mistake: ")
    assert "get_user" in result.stdout
    assert result.stdout.endswith("0 routes, 1 mistake, 0 warnings\n")


HELD = """
from microfw import *

app = App()
inner = App()
app.mount("/inner/{shop}", inner)

async def get_engine():
    yield 1

def get_connection():
    with pool.connection() as connection:
        yield connection

async def get_session(connection=Depends(get_connection)):
    yield connection

async def get_shared(engine=Depends(get_engine, scope="app")): ...

async def get_own(engine=Depends(get_engine)): ...

@app.get("/twice", dependencies=[Depends(get_session, use_cache=False)])
async def read_twice(session=Depends(get_session)): ...

async def get_log():
    yield 1

async def get_user(log=Depends(get_log, scope="use")): ...

@app.get("/used")
async def read_used(user=Depends(get_user), log=Depends(get_log)): ...

@app.get("/stream")
async def stream(session=Depends(get_session), page=Depends(get_own)):
    yield session

@inner.get("/shared")
def read_shared(shop: str, shared=Depends(get_shared)): ...
"""

MEANT = """
import threading
from contextlib import contextmanager
from microfw import *

app = App()
counter = threading.Lock()

async def get_session():
    yield 1

@contextmanager
def get_name():
    yield "name"

def get_connection():
    with pool.connection() as connection:
        yield connection

async def get_user(session=Depends(get_session, scope="use")): ...

@app.get("/brief")
async def read(user=Depends(get_user), session=Depends(get_session), name=Depends(get_name)): ...

@app.get("/stream")
async def stream(user=Depends(get_user), session=Depends(get_session, scope="request")):
    yield session

@app.get("/sync")
def read_in_thread(connection=Depends(get_connection)): ...
"""


def test_what_is_said_to_be_meant_and_what_does_not_wait_is_no_warning(folder: Folder) -> None:
    folder.write("main.py", MEANT)
    assert folder.output("check") == "3 routes, 0 mistakes, 0 warnings\n"


WAITING = """
import functools, threading
from microfw import *

app = App()
lock = threading.Lock()

class Pool:
    def __call__(self):
        with self.engine.connect() as connection:
            yield connection

def get_counter():
    with lock:
        yield 1

async def get_session():
    yield 1

@app.get("/pool")
async def read_pool(connection=Depends(Pool())): ...

@app.get("/lock")
async def read_lock(counter=Depends(get_counter)): ...

@app.get("/open", dependencies=[Depends(get_session, scope="use")])
async def stream(session=Depends(get_session, scope="use")):
    yield session
"""


def test_what_waits_is_found_in_methods_and_by_its_lock(folder: Folder) -> None:
    folder.write("main.py", WAITING)
    output = folder.output("check").replace(str(folder.path), "FOLDER")
    found = [line.split()[1:5] for line in output.splitlines() if line.startswith("warning: ")]
    assert found == [
        ["Pool", "is", "sync,", "and"],
        ["get_counter", "is", "sync,", "and"],
        ["get_session", "is", "held", "as"],
    ]


def test_what_may_not_be_meant_is_a_warning(folder: Folder) -> None:
    folder.write("main.py", HELD)
    output = folder.output("check").replace(str(folder.path), "FOLDER")
    warnings = [line for line in output.splitlines() if line.startswith("warning: ")]
    assert [" ".join(line.split()[:8]).rstrip(",") for line in warnings] == [
        "warning: get_session opens twice for GET /twice, in",
        "warning: get_connection is sync, and is held while",
        "warning: get_connection is held as long as GET",
        "warning: get_session is held as long as GET",
        "warning: get_engine is held as long as GET",
        "warning: get_engine (main.py:8) has scope 'app' in get_shared",
    ]
    assert output.endswith("4 routes, 0 mistakes, 6 warnings\n")
    assert folder.run("check", "--strict").exit_code == 1
