from harbour.main import app
from microfw.testclient import TestClient
from microfw.tracing import trace_requests


def test_the_task_runs_when_the_commit_is_done_and_the_answer_sent(client: TestClient) -> None:
    client.post("/ships", json={"name": "Ariel", "metres": 42})

    with trace_requests(app) as traces:
        client.put("/ships/Ariel/berth/1")

    assert traces[0].order == [
        "setup get_session",
        "setup find_ship",
        "endpoint dock",
        "exit get_session",
        "send",
        "setup get_session",
        "task write_down",
        "exit get_session",
    ]
