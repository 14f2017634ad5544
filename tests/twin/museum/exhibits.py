"""The collection, as the public and the curators see it."""

from collections.abc import Sequence
from typing import Annotated, Any

from microfw import (
    BackgroundTasks,
    Body,
    Depends,
    Header,
    HTTPException,
    Path,
    Query,
    Request,
    Response,
    Router,
    status,
)
from microfw.encoders import jsonable_encoder
from microfw.responses import JSONResponse, PlainTextResponse, RedirectResponse
from tests.twin.museum.collection import Clerk, TransactionNow, exhibit_of, exhibits
from tests.twin.museum.journal import note
from tests.twin.museum.models import (
    Exhibit,
    ExhibitChange,
    Floor,
    Material,
    Search,
    ShownExhibit,
    StoredExhibit,
)
from tests.twin.museum.staff import Employee, get_curator


async def count_visit(request: Request) -> None:
    note(f"visit of {request.url.path}")


def name_copyright(response: Response) -> None:
    response.headers["X-Copyright"] = "the museum"


router = Router(
    prefix="/exhibits",
    tags=["exhibits"],
    dependencies=[Depends(count_visit)],
    responses={404: {"description": "There is no such exhibit"}, 409: {"description": "Untitled"}},
)

Number = Annotated[int, Path(ge=1, le=10_000)]
Curator = Annotated[Employee, Depends(get_curator)]


def announce(title: str, kind: str = "new") -> None:
    note(f"announced {kind} {title}")


async def archive(number: int) -> None:
    note(f"archived {number}")


@router.get("", response_model=list[ShownExhibit])
async def list_exhibits(search: Annotated[Search, Query()]) -> Sequence[StoredExhibit]:
    found = [
        exhibit
        for exhibit in exhibits.values()
        if search.material in (None, exhibit.material) and set(search.tag) <= set(exhibit.tags)
    ]
    found.sort(key=lambda exhibit: getattr(exhibit, search.order))
    return found[search.offset : search.offset + search.limit]


@router.get("/newest")
async def redirect_to_newest() -> RedirectResponse:
    return RedirectResponse(f"/exhibits/{max(exhibits)}")


@router.get("/by-year/{first}/{last}", response_model_exclude_unset=True)
def list_by_year(
    first: int, last: int, material: Material | None = None, limit: int = Query(10, gt=0, lt=100)
) -> list[ShownExhibit]:
    found = [each for each in exhibits.values() if first <= each.year <= last]
    shown = [
        ShownExhibit(**each.model_dump(include=set(ShownExhibit.model_fields), exclude_unset=True))
        for each in found
        if material in (None, each.material)
    ]
    return shown[:limit]


@router.get("/on-floor/{floor}")
async def list_on_floor(floor: Floor) -> dict[str, Any]:
    return {"floor": floor, "numbers": [n for n, each in exhibits.items() if each.floor == floor]}


@router.get("/{number}", response_model=ShownExhibit)
async def read_exhibit(
    number: Number,
    response: Response,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Any:
    exhibit = exhibit_of(number)
    tag = f'"{number}-{exhibit.year}"'
    if if_none_match == tag:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers={"ETag": tag})
    response.headers["ETag"] = tag
    response.set_cookie("last", str(number), httponly=True)
    return exhibit


@router.get("/{number}/label/{language}", response_class=PlainTextResponse)
def read_label(
    number: Number, language: Annotated[str, Path(min_length=2, max_length=2)], upper: bool = False
) -> str:
    label = f"{language}: {exhibit_of(number).title}"
    return label.upper() if upper else label


@router.get("/{number}/pages/{page:path}")
async def read_page(number: Number, page: str) -> dict[str, Any]:
    return {"number": number, "page": page, "parts": page.split("/")}


@router.post("", status_code=201, response_model=ShownExhibit)
async def add_exhibit(
    exhibit: Exhibit,
    curator: Curator,
    transaction: TransactionNow,
    tasks: BackgroundTasks,
    request: Request,
    response: Response,
) -> StoredExhibit:
    number = max(exhibits) + 1
    stored = StoredExhibit(number=number, vault="new", **exhibit.model_dump())
    transaction.changes.append(stored)
    tasks.add_task(announce, exhibit.title)
    tasks.add_task(archive, number)
    response.headers["Location"] = str(request.url_for("read_exhibit", number=number))
    note(f"added by {curator.name}")
    return stored


@router.put("/{number}", response_model=ShownExhibit)
async def replace_exhibit(
    number: Number,
    exhibit: Exhibit,
    reason: Annotated[str, Body(min_length=3)],
    curator: Curator,
    transaction: TransactionNow,
    clerk: Clerk,
    urgent: Annotated[bool, Body()] = False,
) -> StoredExhibit:
    vault = exhibit_of(number).vault
    stored = StoredExhibit(number=number, vault=vault, **exhibit.model_dump())
    transaction.changes.append(stored)
    note(f"{clerk} writes for {curator.name}: {reason}{'!' if urgent else ''}")
    return stored


@router.patch("/{number}", response_model=ShownExhibit, response_model_exclude_none=True)
async def change_exhibit(
    number: Number,
    change: Annotated[ExhibitChange, Body(embed=True)],
    curator: Curator,
    transaction: TransactionNow,
) -> StoredExhibit:
    changed = exhibit_of(number).model_copy(update=change.model_dump(exclude_unset=True))
    if not changed.title:
        raise HTTPException(409, {"reason": "an exhibit has a title", "number": number})
    transaction.changes.append(changed)
    return changed


@router.delete("/{number}", status_code=204)
def remove_exhibit(
    number: Number, curator: Curator, transaction: TransactionNow, tasks: BackgroundTasks
) -> None:
    exhibit = exhibit_of(number)
    transaction.removed.append(number)
    tasks.add_task(announce, exhibit.title, kind="missing")


@router.get("/{number}/raw", dependencies=[Depends(name_copyright)])
async def read_raw(number: Number) -> JSONResponse:
    return JSONResponse(jsonable_encoder(exhibit_of(number), exclude={"vault"}))
