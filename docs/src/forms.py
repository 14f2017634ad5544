from typing import Annotated

from pydantic import BaseModel

from microfw import App, BackgroundTasks, File, Form, UploadFile

app = App(form_limits={"max_files": 20})


# region form
class Declaration(BaseModel):
    ship: str
    crates: int
    hazardous: bool = False


@app.post("/declarations")
async def declare(declaration: Annotated[Declaration, Form()]) -> Declaration:
    return declaration


# endregion form


# region file
@app.post("/charts")
async def upload(
    chart: UploadFile, area: Annotated[str, Form()], tasks: BackgroundTasks
) -> dict[str, object]:
    head = await chart.read(8)
    tasks.add_task(print_chart, chart)  # still open there
    return {"area": area, "name": chart.filename, "size": chart.size, "head": head.decode()}


async def print_chart(chart: UploadFile) -> None:
    await chart.seek(0)
    print((await chart.read()).decode())


@app.post("/photos", max_body_size=200 * 2**20)
async def upload_photos(photos: Annotated[list[UploadFile], File()]) -> list[str | None]:
    return [photo.filename for photo in photos]


# endregion file
