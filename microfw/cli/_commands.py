"""The commands and their options."""

import importlib.metadata
import os
import platform
import shutil
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import starmap
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from microfw.applications import App
from microfw.cli._checking import check as check_application
from microfw.cli._checking import told_once
from microfw.cli._discovery import Found, find
from microfw.cli._document import check_document, document_of
from microfw.cli._failures import CommandError, ImportFailure
from microfw.cli._graph import GRAPHS
from microfw.cli._migrate import migrate
from microfw.cli._printing import counted, print_findings, print_source, print_table
from microfw.cli._serving import AS_FASTAPI, install_if_asked, serve
from microfw.cli._tasks import schedule as run_scheduler
from microfw.cli._tasks import work
from microfw.cli._tracing import header_of, traced
from microfw.dependencies import collecting
from microfw.exceptions import RegistrationError
from microfw.routing import Route, WebSocketRoute
from microfw.timeline import PATH as TIMELINE
from microfw.timeline._routes import lines_of, methods_of, planned_routes, rows_of
from microfw.tracing import render, write_chrome_trace

Command = TypeVar("Command", bound=Callable[..., Any])

PACKAGES = ("starlette", "anyio", "uvicorn", "pydantic", "msgspec")
"""Those whose versions matter."""


class _Commands(click.Group):
    """The commands; with `--traceback` they show what an import has raised."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ImportFailure as failure:
            if ctx.params.get("with_traceback"):
                traceback.print_exception(failure.error)
            raise


def _print_versions(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    for name in ("microfw-asgi", *PACKAGES):
        click.echo(f"{name.removesuffix('-asgi')} {_version_of(name)}")
    click.echo(f"Python {platform.python_version()}")
    ctx.exit()


def _version_of(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "is not installed"


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_versions,
    help="Show the versions of microfw and of its dependencies.",
)
@click.option(
    "--traceback", "with_traceback", is_flag=True, help="Show the traceback of a failed import."
)
def main(with_traceback: bool) -> None:
    """Serve an application, and show its routes and what they run.

    APP is module:app, a file, or either with a factory, module:create_app(). Without it,
    MICROFW_APP, [tool.microfw] app in pyproject.toml and the usual places are tried.
    MICROFW_AS_FASTAPI=1: microfw answers `import fastapi`.
    """
    install_if_asked()


main.add_command(migrate)


def _install(_: click.Context, __: click.Parameter, wanted: bool) -> None:
    if wanted:
        os.environ[AS_FASTAPI] = "1"
        install_if_asked()


_as_fastapi = click.option(
    "--as-fastapi",
    is_flag=True,
    expose_value=False,
    callback=_install,
    help="Answer `import fastapi`, for libraries and applications that import it.",
)


_app = click.option("--app", "named", metavar="APP", help="The application, as an option.")


def _takes_app(command: Command) -> Command:
    argument = click.argument("target", metavar="[APP]", required=False)
    return argument(_app(_as_fastapi(command)))


def _takes_route(command: Command) -> Command:
    """Take METHOD and PATH, and ahead of them the application."""
    target = click.argument("targets", metavar="[APP]", nargs=-1)
    method, path = click.argument("method"), click.argument("path")
    return target(method(path(_app(_as_fastapi(command)))))


def _found(*targets: str | None) -> Found:
    """Find the application that is named, if it is."""
    given = [*dict.fromkeys(target for target in targets if target is not None)]
    if len(given) > 1:
        raise CommandError(f"several applications are named: {', '.join(given)}", "name one")
    return find(given[0] if given else None)


_address = (
    click.option("--host", default="127.0.0.1", show_default=True),
    click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535)),
)


def _takes_address(command: Command) -> Command:
    for option in reversed(_address):
        command = option(command)
    return command


_OF_UVICORN = {"ignore_unknown_options": False, "allow_interspersed_args": True}


@main.command(context_settings=_OF_UVICORN)
@_takes_app
@_takes_address
@click.option(
    "--values",
    is_flag=True,
    help="Show values of requests on the timeline, without secrets.",
)
@click.argument(
    "uvicorn_arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- OPTIONS OF UVICORN]"
)
def dev(
    target: str | None,
    named: str | None,
    host: str,
    port: int,
    values: bool,
    uvicorn_arguments: tuple[str, ...],
) -> None:
    """Serve the application; restart it when a file changes.

    Arguments after `--` are passed to uvicorn.
    """
    target, rest = _without_separator(target, uvicorn_arguments)
    with _told_mistakes() as mistakes:
        found = _found(target, named)
        if isinstance(found.app, App):
            found.app.check_routes()
    if mistakes:
        texts = told_once(mistakes)
        print_findings(texts, ())
        raise CommandError(
            f"{found.target} has {counted(len(texts), 'mistake')}",
            "correct what is listed above; `microfw check` looks for more",
        )
    click.echo("\n".join(_introduction(found, f"{host}:{port}" if port else None)), err=True)
    # An open stream or WebSocket would hold a restart up for as long as it is open.
    own = ["--reload", "--reload-dir", str(found.folder), "--timeout-graceful-shutdown", "1"]
    own += ["--host", host, "--port", str(port)]
    serve(found, [*own, *rest], freezes=False, develops=True, values=values)


def _introduction(found: Found, address: str | None) -> Iterator[str]:
    yield f"{found.target}, {found.reason}"
    if isinstance(found.app, App):
        where = f"http://{address}" if address else ""
        routes = counted(len([*planned_routes(found.app.routes)]), "route")
        yield f"  {routes}; `microfw check` looks for mistakes"
        yield f"  timeline at {where}{TIMELINE}"
        if found.app.openapi_url and found.app.docs_url:
            yield f"  documented at {where}{found.app.docs_url}"


@main.command(context_settings=_OF_UVICORN)
@_takes_app
@_takes_address
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1))
@click.option("--root-path", default="", help="The prefix under which a proxy serves it.")
@click.option("--proxy-headers/--no-proxy-headers", default=True, show_default=True)
@click.option("--log-config", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--gc-freeze/--no-gc-freeze",
    default=True,
    show_default=True,
    help="Have the garbage collector ignore the objects of start-up.",
)
@click.argument(
    "uvicorn_arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- OPTIONS OF UVICORN]"
)
def run(
    target: str | None,
    named: str | None,
    host: str,
    port: int,
    workers: int,
    root_path: str,
    proxy_headers: bool,
    log_config: str | None,
    gc_freeze: bool,
    uvicorn_arguments: tuple[str, ...],
) -> None:
    """Serve the application in production.

    Arguments after `--` are passed to uvicorn.
    """
    target, rest = _without_separator(target, uvicorn_arguments)
    arguments = ["--host", host, "--port", str(port), "--workers", str(workers)]
    arguments += ["--root-path", root_path] if root_path else []
    arguments += ["--log-config", log_config] if log_config else []
    arguments.append("--proxy-headers" if proxy_headers else "--no-proxy-headers")
    serve(_found(target, named), [*arguments, *rest], freezes=gc_freeze)


_OF_TASKIQ = click.argument(
    "taskiq_arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- OPTIONS OF TASKIQ]"
)


@main.command(context_settings=_OF_UVICORN)
@_takes_app
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1))
@click.option("--reload", is_flag=True, help="Restart when a Python file changes.")
@_OF_TASKIQ
def worker(
    target: str | None,
    named: str | None,
    workers: int,
    reload: bool,
    taskiq_arguments: tuple[str, ...],
) -> None:
    """Run the tasks of the application's queue.

    Arguments after `--` are passed to `taskiq worker`.
    """
    target, rest = _without_separator(target, taskiq_arguments)
    work(_found(target, named), rest, workers=workers, reload=reload)


@main.command(context_settings=_OF_UVICORN)
@_takes_app
@_OF_TASKIQ
def schedule(target: str | None, named: str | None, taskiq_arguments: tuple[str, ...]) -> None:
    """Send the tasks that are declared with `schedule=`.

    Run it once, beside the workers. Arguments after `--` are passed to `taskiq scheduler`.
    """
    target, rest = _without_separator(target, taskiq_arguments)
    run_scheduler(_found(target, named), rest)


def _without_separator(
    target: str | None, arguments: Sequence[str]
) -> tuple[str | None, Sequence[str]]:
    """What is the application's, and uvicorn's, where only `--` and options were given."""
    if target is not None and target.startswith("-"):
        return None, (target, *arguments)
    return target, arguments


@main.command()
@_takes_app
@click.option("--path", help="Only routes whose path contains this text.")
@click.option("--method", help="Only routes for this method; WEBSOCKET is one.")
@click.option("--uses", metavar="NAME", help="Only routes that use this dependency.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def routes(
    target: str | None,
    named: str | None,
    path: str | None,
    method: str | None,
    uses: str | None,
    as_json: bool,
) -> None:
    """List the routes and their dependencies, in the order of setup."""
    app = _application(_found(target, named))
    lines = lines_of(app, path=path, method=method, uses=uses)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(lines)))
        return
    print_table(rows_of(lines))
    click.echo(f"{counted(len(lines), 'route')}; `microfw check` looks for mistakes", err=True)


@main.command()
@_takes_app
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to this file.",
)
@click.option(
    "--check",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Fail if this file is not up to date.",
)
def openapi(target: str | None, named: str | None, output: Path | None, check: Path | None) -> None:
    """Print the OpenAPI document."""
    document = document_of(_application(_found(target, named)))
    if check is not None:
        check_document(document, check)
    elif output is not None:
        output.write_text(document, encoding="utf-8")
    else:
        click.echo(document, nl=False)


@main.command()
@_takes_route
@click.option("--graph", type=click.Choice([*GRAPHS]), help="Print the dependencies as a graph.")
def explain(
    targets: tuple[str, ...], named: str | None, method: str, path: str, graph: str | None
) -> None:
    """Print the source of the function that handles a route.

    For example: microfw explain POST /orders
    """
    app = _application(_found(*targets, named))
    if graph is not None:
        click.echo(GRAPHS[graph](_route(app, path, method).plan))
        return
    try:
        print_source(app.explain(path, method))
    except LookupError as error:
        raise CommandError(str(error), "`microfw routes` lists what there is") from None


@main.command()
@_takes_app
@click.option("--strict", is_flag=True, help="Fail on warnings, too.")
def check(target: str | None, named: str | None, strict: bool) -> None:
    """Find all mistakes in an application, without serving it.

    The exit status is 1 if there is one.
    """
    with _told_mistakes() as mistakes:
        checked = check_application(_application(_found(target, named)))
    known = [*map(str, mistakes)]
    mistakes += [each for each in checked.mistakes if str(each) not in known]
    texts = told_once(mistakes)
    print_findings(texts, checked.warnings)
    found = (
        (checked.routes, "route"),
        (len(texts), "mistake"),
        (len(checked.warnings), "warning"),
    )
    click.echo(", ".join(starmap(counted, found)))
    if mistakes or (strict and checked.warnings):
        raise click.exceptions.Exit(1)


@main.command()
@_takes_route
@click.option("--json", "body", metavar="BODY", help="The body, as JSON.")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'")
@click.option(
    "--chrome",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to this file, too, for Perfetto or speedscope.",
)
def trace(
    targets: tuple[str, ...],
    named: str | None,
    method: str,
    path: str,
    body: str | None,
    headers: tuple[str, ...],
    chrome: Path | None,
) -> None:
    """Send one request, in this process, and show what it runs through.

    It is a real request: what it writes to a database stays there.

    For example: microfw trace POST /orders --json '{"tea": 2}'
    """
    app = _application(_found(*targets, named))
    sent = (body or "").encode()
    traces = traced(app, method, path, [*map(header_of, headers)], sent)
    width = shutil.get_terminal_size().columns
    for each in traces:
        click.echo(render(each, width=width, colour=sys.stdout.isatty()))
    if chrome is not None:
        write_chrome_trace(chrome, traces)
    if traces[0].error is not None:
        raise click.exceptions.Exit(1)


@contextmanager
def _told_mistakes() -> Generator[list[RegistrationError]]:
    """Collect mistakes; tell those there are where an import fails after them."""
    with collecting() as mistakes:
        try:
            yield mistakes
        except ImportFailure:
            print_findings(told_once(mistakes), ())
            raise


def _route(app: App, path: str, method: str) -> Route | WebSocketRoute:
    for whole_path, route in planned_routes(app.routes):
        if whole_path == path and method.upper() in methods_of(route):
            return route
    raise CommandError(
        f"no route is declared for {method.upper()} {path}", "`microfw routes` lists what there is"
    )


def _application(found: Found) -> App:
    if isinstance(found.app, App):
        return found.app
    raise CommandError(
        f"{found.target} is {type(found.app).__name__}, no application of microfw's",
        "name the App inside of it",
    )
