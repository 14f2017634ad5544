"""What a request to a route runs through, in words."""

from microfw.dependencies import Plan, Step

_OPEN_UNTIL = {
    "use": "open while it is used",
    "function": "open until the response is created",
    "request": "open until the response is sent",
    "app": "open from start-up to shutdown",
}


def lifecycle_of(plan: Plan) -> str:
    """List the dependencies in the order of their setup, and until when they are open; Markdown."""
    steps = (*plan.app_steps, *plan.steps[:-1])
    if not steps:
        return ""
    lines = [f"1. {_line(step)}" for step in steps]
    return "\n".join(
        ("**Dependencies**, in the order of their setup; they exit in reverse:", "", *lines)
    )


def _line(step: Step) -> str:
    said = [f"`{step.signature.name}`"]
    if step.opens or step.scope == "app":
        said.append(_OPEN_UNTIL[step.scope])
    if step.in_thread:
        said.append("in a thread")
    return ", ".join(said)
