"""The timeline: a page that shows what an application consists of, and what its requests ran."""

from microfw.timeline._beside import PATH, WithTimeline
from microfw.timeline._page import Timeline
from microfw.timeline._routes import (
    dependencies_of,
    lines_of,
    methods_of,
    place_of,
    planned_routes,
    rows_of,
    shown,
)

__all__ = [
    "PATH",
    "Timeline",
    "WithTimeline",
    "dependencies_of",
    "lines_of",
    "methods_of",
    "place_of",
    "planned_routes",
    "rows_of",
    "shown",
]
