"""What an author writes as a default, or into `Annotated`, instead of a value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal, get_args

from microfw.dependencies._limits import Limit
from microfw.exceptions import DeclarationError, ScopeError

DependencyScope = Literal["use", "function", "request", "app"]
"""How long a yield dependency stays open.

`"use"`: until the last step that uses its value has run; `"function"`: until the response is
created; `"request"`: until it is sent and the background tasks have run; `"app"`: from start-up to
shutdown. Of two lifespans of one application at once, the second shares what the first has opened,
and has to end before it.
"""


class Lifetime(IntEnum):
    """A scope as a number: the wider it is, the larger."""

    USE = 0
    FUNCTION = 1
    REQUEST = 2
    APP = 3

    @classmethod
    def of(cls, scope: DependencyScope, where: str) -> "Lifetime":
        """The lifetime that an author's word names; `where` is what it was written in.

        Raises:
            ScopeError: There is no such scope.
        """
        if scope not in get_args(DependencyScope):
            raise ScopeError(
                f"there is no scope {scope!r}",
                where=where,
                cure='write "use", "function", "request" or "app"',
            )
        return cls[scope.upper()]

    @classmethod
    def of_default(cls, scope: DependencyScope | None, where: str) -> "Lifetime":
        """The lifetime of dependencies without a scope: `"function"`, unless a default is given.

        Raises:
            ScopeError: There is no such scope, or it cannot be the default.
        """
        lifetime = cls.of(scope or "function", where)
        if lifetime is cls.USE:
            raise ScopeError(
                'scope "use" cannot be the default: what uses such a value has to let go of it',
                where=where,
                cure='ask for it where it is meant, `Depends(get_it, scope="use")`',
            )
        return lifetime

    @property
    def scope(self) -> DependencyScope:
        """The word an author writes for it."""
        return _SCOPES[self]


_SCOPES: tuple[DependencyScope, ...] = get_args(DependencyScope)


class Declared:
    """Declares where a value comes from; it is never a value itself."""

    __slots__ = ()


@dataclass(frozen=True, eq=False, init=False)
class Depends(Declared):
    """One use of a dependency. Each is another one, whatever they hold.

    The function `microfw.Depends` makes it, and says what the attributes mean.

    Raises:
        ScopeError: There is no such scope.
    """

    dependency: Callable[..., Any] | None = None
    use_cache: bool = True
    scope: DependencyScope | None = None
    sync_to_thread: bool = field(default=True, kw_only=True)
    responses: Mapping[int | str, Any] | None = field(default=None, kw_only=True)
    max_concurrency: int | None = field(default=None, kw_only=True)
    limit: Limit | None = field(default=None, init=False, repr=False)
    """Who uses it now, and who waits, where there is a `max_concurrency`."""

    def __init__(
        self,
        dependency: Callable[..., Any] | None = None,
        use_cache: bool = True,
        scope: DependencyScope | None = None,
        *,
        sync_to_thread: bool = True,
        responses: Mapping[int | str, Any] | None = None,
        max_concurrency: int | None = None,
    ) -> None:
        # At once: the one that a frozen dataclass has takes four times as long.
        vars(self).update(
            dependency=dependency,
            use_cache=use_cache,
            scope=scope,
            sync_to_thread=sync_to_thread,
            responses=responses,
            max_concurrency=max_concurrency,
        )
        self.__post_init__()

    def __post_init__(self) -> None:
        if self.scope is not None:
            Lifetime.of(self.scope, f"{type(self).__name__}(scope={self.scope!r})")
        if self.max_concurrency is not None:
            vars(self)["limit"] = self._limit(self.max_concurrency)

    def _limit(self, number: int) -> Limit:
        where = f"{type(self).__name__}(max_concurrency={number!r})"
        if type(number) is not int or number < 1:
            raise DeclarationError(
                "max_concurrency is no positive integer", where=where, cure="write one, or None"
            )
        if self.scope == "app":
            raise DeclarationError(
                'a dependency of scope "app" opens once: there is nothing to limit',
                where=where,
                cure="limit the dependency that uses it for one request",
            )
        return Limit(number)

    @property
    def lifetime(self) -> Lifetime | None:
        """The scope as a number; `None` where none is given."""
        return None if self.scope is None else Lifetime[self.scope.upper()]

    @property
    def security_scopes(self) -> Sequence[str]:
        """What it asks for, for those below it that read the security scopes."""
        return ()


@dataclass(frozen=True, eq=False, init=False)
class Security(Depends):
    """One use of a dependency, with the security scopes that it is to check.

    The function `microfw.Security` makes it, and says what the attributes mean.

    Raises:
        DeclarationError: As for `Depends`.
        ScopeError: There is no such scope.
    """

    scopes: Sequence[str] | None = None
    """One string holds them with spaces between."""

    def __init__(
        self,
        dependency: Callable[..., Any] | None = None,
        use_cache: bool = True,
        scope: DependencyScope | None = None,
        scopes: Sequence[str] | None = None,
        *,
        sync_to_thread: bool = True,
        responses: Mapping[int | str, Any] | None = None,
        max_concurrency: int | None = None,
    ) -> None:
        vars(self)["scopes"] = scopes.split() if isinstance(scopes, str) else scopes
        super().__init__(
            dependency,
            use_cache,
            scope,
            sync_to_thread=sync_to_thread,
            responses=responses,
            max_concurrency=max_concurrency,
        )

    @property
    def security_scopes(self) -> Sequence[str]:
        """What it asks for, for those below it that read the security scopes."""
        return self.scopes or ()


class SecurityScopes:
    """The scopes that the `Security(...)` declarations above a dependency ask for.

    Declare a parameter of this type to receive them, outermost declaration first, without
    repetition.
    """

    __slots__ = ("scope_str", "scopes")

    def __init__(self, scopes: Sequence[str] = ()) -> None:
        self.scopes: list[str] = list(scopes)
        self.scope_str: str = " ".join(scopes)
