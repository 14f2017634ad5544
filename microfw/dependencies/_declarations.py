"""The functions with which an author declares a dependency."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from microfw.dependencies._declared import DependencyScope
from microfw.dependencies._declared import Depends as Dependency
from microfw.dependencies._declared import Security as SecurityDependency


def Depends(  # noqa: N802 - the field's name for it
    dependency: Callable[..., Any] | None = None,
    *,
    use_cache: bool = True,
    scope: DependencyScope | None = None,
    sync_to_thread: bool = True,
    responses: Mapping[int | str, Any] | None = None,
    max_concurrency: int | None = None,
) -> Any:
    """Declare that a value comes from calling `dependency`.

    Args:
        dependency: Any callable. Left out, the annotated class is called.
        use_cache: `False` calls it once more for this use, instead of sharing the value that
            the other uses in the same request get.
        scope: When its exit code runs. Left out, `"function"`, or wider where a dependant
            needs it wider. `"use"` closes it as soon as the last step that uses the value has
            run: those take what they need of it, and let go.
        sync_to_thread: `False` runs a sync dependency on the event loop instead of in a worker
            thread; for those that never block.
        responses: What it may answer instead of the endpoint, documented for each route that
            uses it: `{404: {"description": "No such order"}}`, as the `responses=` of a route.
        max_concurrency: How many uses there are at once; others wait, before anything is open for
            them. A use ends with the exit code, or when a function without `yield` has returned.
            Each declaration has a limit of its own, on each event loop: share one, in an alias
            `Annotated[..., Depends(...)]`.

    Raises:
        DeclarationError: `max_concurrency` is no positive integer, or the scope is `"app"`.
        ScopeError: There is no such scope.
    """
    return Dependency(
        dependency,
        use_cache,
        scope,
        sync_to_thread=sync_to_thread,
        responses=responses,
        max_concurrency=max_concurrency,
    )


def Security(  # noqa: N802 - the field's name for it
    dependency: Callable[..., Any] | None = None,
    *,
    scopes: Sequence[str] | None = None,
    use_cache: bool = True,
    scope: DependencyScope | None = None,
    sync_to_thread: bool = True,
    responses: Mapping[int | str, Any] | None = None,
    max_concurrency: int | None = None,
) -> Any:
    """Declare a dependency like `Depends`, and the security scopes that it is to check.

    The dependency and those below it read `scopes` from a parameter of type `SecurityScopes`. One
    string holds them as OAuth2 sends them, with spaces between.

    Raises:
        DeclarationError: As for `Depends`.
        ScopeError: There is no such scope.
    """
    return SecurityDependency(
        dependency,
        use_cache,
        scope,
        scopes,
        sync_to_thread=sync_to_thread,
        responses=responses,
        max_concurrency=max_concurrency,
    )


def is_not_called(entry: object) -> bool:
    """Whether a value is a declaring function itself, which was not called."""
    return (
        entry is Depends
        or entry is Security
        or (isinstance(entry, type) and issubclass(entry, Dependency))
    )
