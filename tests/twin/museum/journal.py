"""What has happened in the museum, in order: dependencies, endpoints and background tasks."""

entries: list[str] = []


def note(entry: str) -> None:
    entries.append(entry)
