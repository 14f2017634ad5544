from typing import Annotated

from microfw import App, Depends, Header, HTTPException
from microfw.timeline import Timeline
from microfw.tracing import ServerTiming, Trace
from microfw.tracing.opentelemetry import OpenTelemetry

app = App()


# region timeline
def require_admin(key: Annotated[str, Header()]) -> None:
    if key != "open sesame":
        raise HTTPException(403)


app.mount("/timeline", Timeline(app, dependencies=[Depends(require_admin)]))
# endregion timeline


# region listen
def keep(trace: Trace) -> None:
    print(trace.status, trace.order)


listening = app.tracing.listen(keep, when=lambda scope: scope["path"].startswith("/ships"))
# endregion listen

# region server_timing
app.tracing.listen(ServerTiming(when=lambda scope: scope["client"][0] == "127.0.0.1"))
# endregion server_timing

# region opentelemetry
app.tracing.listen(OpenTelemetry())
# endregion opentelemetry


@app.get("/ships")
async def list_ships() -> list[str]:
    return ["Ariel"]
