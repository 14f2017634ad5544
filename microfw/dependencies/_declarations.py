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
        scope: When its exit code runs. Left out, `"function"`, or a wider one if a dependant
            needs it. `"use"` closes it as soon as the last step that uses the value has run; such
            steps must not keep the value.
        sync_to_thread: `False` runs a sync dependency on the event loop instead of in a worker
            thread; only for functions that never block.
        responses: The responses with which it may end the request, documented for each route that
            uses it: `{404: {"description": "No such order"}}`, as the `responses=` of a route.
        max_concurrency: The largest number of uses at once. Other requests wait before anything
            opens for them that stays open. A use ends with the exit code, or when a function
            without `yield` has returned. Each declaration has a limit of its own, on each event
            loop; an alias `Annotated[..., Depends(...)]` shares one.

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
    """Declare a dependency like `Depends`, and the security scopes that it has to check.

    The dependency and those below it read `scopes` from a parameter of type `SecurityScopes`. A
    string of several scopes has spaces between them, as in OAuth2.

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
