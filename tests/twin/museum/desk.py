"""The desk by the door: forms and files."""

from collections.abc import Iterator
from typing import Annotated, Any

from microfw import BackgroundTasks, Depends, File, Form, HTTPException, Router, UploadFile
from tests.twin.museum.collection import Clerk
from tests.twin.museum.journal import note
from tests.twin.museum.models import Survey

router = Router(prefix="/desk", tags=["desk"])


def get_drawer(clerk: Clerk) -> Iterator[list[str]]:
    drawer: list[str] = []
    try:
        yield drawer
    except HTTPException as error:
        note(f"{clerk} locks the drawer: {error.detail}")
        raise
    finally:
        note(f"drawer has {drawer}")


Drawer = Annotated[list[str], Depends(get_drawer, scope="function")]


@router.post("/feedback")
async def give_feedback(
    text: Annotated[str, Form(min_length=3, max_length=30)],
    drawer: Drawer,
    stars: Annotated[int, Form(ge=1, le=5)] = 3,
    rooms: Annotated[list[int] | None, Form()] = None,
    anonymous: Annotated[bool, Form()] = False,
) -> dict[str, Any]:
    drawer.append(text)
    return {"text": text, "stars": stars, "rooms": rooms, "anonymous": anonymous}


@router.post("/survey")
def answer_survey(survey: Annotated[Survey, Form()], drawer: Drawer) -> Survey:
    drawer.append(survey.name)
    return survey


async def develop(photo: UploadFile) -> None:
    note(f"developed {photo.filename}")


@router.post("/photo", responses={422: {"description": "The photo is empty, or something else"}})
async def take_photo(
    photo: UploadFile,
    drawer: Drawer,
    tasks: BackgroundTasks,
    caption: Annotated[str, Form(max_length=20)] = "untitled",
) -> dict[str, Any]:
    content = await photo.read()
    if not content:
        raise HTTPException(422, "the photo is empty")
    drawer.append(caption)
    tasks.add_task(develop, photo)
    return {
        "name": photo.filename,
        "type": photo.content_type,
        "size": photo.size,
        "begins": content[:8].hex(),
        "caption": caption,
    }


@router.post("/photos")
async def take_photos(
    photos: list[UploadFile],
    captions: Annotated[list[str], Form()] = [],  # noqa: B006
) -> list[str]:
    return [f"{photo.filename} {photo.size}" for photo in photos] + captions


@router.post("/weigh")
def weigh(
    parcel: Annotated[bytes, File(max_length=64)],
    stamp: Annotated[bytes | None, File()] = None,
) -> dict[str, int | None]:
    return {"parcel": len(parcel), "stamp": None if stamp is None else len(stamp)}


@router.post("/found", status_code=201)
async def hand_in(
    thing: Annotated[str, Form()], picture: Annotated[UploadFile | None, File()] = None
) -> dict[str, str | None]:
    return {"thing": thing, "picture": picture.filename if picture else None}
