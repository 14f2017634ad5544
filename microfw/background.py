"""Work to be done after the response has been sent."""

from microfw._answering import BackgroundTask, BackgroundTasks, plan_of

__all__ = ["BackgroundTask", "BackgroundTasks", "plan_of"]
