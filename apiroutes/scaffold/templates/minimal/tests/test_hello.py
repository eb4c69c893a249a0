from apiroutes.testing import Client


def test_hello(apiroutes_client: Client) -> None:
    assert apiroutes_client.get("/api/hello").json == {"message": "Hello, World"}


def test_hello_to_somebody(apiroutes_client: Client) -> None:
    response = apiroutes_client.get("/api/hello", query_string={"name": "Ada"})
    assert response.json == {"message": "Hello, Ada"}
