from microfw.testclient import TestClient


def test_a_ship_docks_and_the_log_says_so(client: TestClient) -> None:
    client.post("/ships", json={"name": "Ariel", "metres": 42})

    assert client.put("/ships/Ariel/berth/1").status_code == 200

    assert client.get("/ships").json() == [{"name": "Ariel", "metres": 42.0, "berth": 1}]
    assert client.get("/log").json() == ["Ariel docks at 1"]


def test_a_berth_holds_one_ship_and_nothing_is_kept_of_the_second(client: TestClient) -> None:
    for name in ("Ariel", "Beagle"):
        client.post("/ships", json={"name": name, "metres": 42})
    client.put("/ships/Ariel/berth/1")

    answer = client.put("/ships/Beagle/berth/1")

    assert (answer.status_code, answer.json()) == (409, {"detail": "that name or berth is taken"})
    assert [ship["berth"] for ship in client.get("/ships").json()] == [1, None]
    assert client.get("/log").json() == ["Ariel docks at 1"]  # the task did not run


def test_there_are_as_many_berths_as_the_settings_say(client: TestClient) -> None:
    client.post("/ships", json={"name": "Ariel", "metres": 42})

    assert client.put("/ships/Ariel/berth/3").status_code == 404
