"""What an author writes to declare a dependency."""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any, Literal, get_args

from msgspec import Struct

from microfw.exceptions import DeclarationError, ScopeError

DependencyScope = Literal["function", "request", "app"]
"""How long a yield dependency stays open.

`"function"`: until the response is created; `"request"`: until it is sent and the background
tasks have run; `"app"`: from start-up to shutdown. Of two lifespans of one application at once, the
second shares what the first has opened, and has to end before it.
"""


class Lifetime(IntEnum):
    """A scope as a number: the wider it is, the larger."""

    FUNCTION = 0
    REQUEST = 1
    APP = 2

    @classmethod
    def of(cls, scope: DependencyScope, where: str) -> "Lifetime":
        """The lifetime that an author's word stands for; `where` is what it was written in.

        Raises:
            ScopeError: There is no such scope.
        """
        if scope not in get_args(DependencyScope):
            raise ScopeError(
                f"there is no scope {scope!r}",
                where=where,
                cure='write "function", "request" or "app"',
            )
        return cls[scope.upper()]

    @property
    def scope(self) -> DependencyScope:
        """The word an author writes for it."""
        return _SCOPES[self]


_SCOPES: tuple[DependencyScope, ...] = get_args(DependencyScope)


class Declared(Struct, frozen=True, eq=False):
    """What an author writes as a default to declare where a value comes from; never a value."""


class Dependency(Declared, frozen=True, eq=False):
    """One use of a dependency, as `Depends(...)` or `Security(...)` declared it."""

    call: Callable[..., Any] | None
    use_cache: bool
    lifetime: Lifetime | None
    in_thread: bool
    security_scopes: tuple[str, ...] = ()
    responses: Mapping[int | str, Any] | None = None


class SecurityScopes:
    """The scopes that the `Security(...)` declarations above a dependency ask for.

    Declare a parameter of this type to receive them, outermost declaration first, without
    repetition.
    """

    __slots__ = ("scope_str", "scopes")

    def __init__(self, scopes: Sequence[str] = ()) -> None:
        self.scopes: list[str] = list(scopes)
        self.scope_str: str = " ".join(scopes)


def Depends(  # noqa: N802 - the field's name for it
    dependency: Callable[..., Any] | None = None,
    *,
    use_cache: bool = True,
    scope: DependencyScope | None = None,
    sync_to_thread: bool = True,
    responses: Mapping[int | str, Any] | None = None,
) -> Any:
    """Declare that a value comes from calling `dependency`.

    Args:
        dependency: Any callable. Left out, the annotated class is called.
        use_cache: `False` calls it once more for this use, instead of sharing the value that
            the other uses in the same request get.
        scope: When its exit code runs. Left out, `"function"`, or wider where a dependant
            needs it wider.
        sync_to_thread: `False` runs a sync dependency on the event loop instead of in a worker
            thread; for those that never block.
        responses: What it may answer instead of the endpoint, documented for each route that
            uses it: `{404: {"description": "No such order"}}`, as the `responses=` of a route.

    Raises:
        ScopeError: There is no such scope.
    """
    lifetime = None if scope is None else Lifetime.of(scope, f"Depends(scope={scope!r})")
    return Dependency(dependency, use_cache, lifetime, sync_to_thread, responses=responses)


def Security(  # noqa: N802 - the field's name for it
    dependency: Callable[..., Any] | None = None,
    *,
    scopes: Sequence[str] = (),
    use_cache: bool = True,
    scope: DependencyScope | None = None,
    sync_to_thread: bool = True,
    responses: Mapping[int | str, Any] | None = None,
) -> Any:
    """Declare a dependency like `Depends`, and the security scopes that it is to check.

    The dependency and those below it read `scopes` from a parameter of type `SecurityScopes`.

    Raises:
        DeclarationError: `scopes` is one string.
        ScopeError: There is no such scope.
    """
    lifetime = None if scope is None else Lifetime.of(scope, f"Security(scope={scope!r})")
    if isinstance(scopes, str):
        raise DeclarationError(
            f"the security scopes are one string, {scopes!r}",
            where=f"Security(scopes={scopes!r})",
            cure=f"write a list, scopes={scopes.split()!r}",
        )
    return Dependency(dependency, use_cache, lifetime, sync_to_thread, tuple(scopes), responses)
