"""The timeline: a page that shows what an application consists of, and what its requests ran."""

from microfw.timeline._beside import PATH, WithTimeline
from microfw.timeline._page import Timeline

__all__ = ["PATH", "Timeline", "WithTimeline"]
