from taskiq import InMemoryBroker

from microfw import App
from microfw.tasks import TaskQueue

app = App(title="Bakery")
queue = TaskQueue(app, InMemoryBroker())
