import asyncio

import httpx

config = {"api": {"bodyParser": False}}


def upstream(request):
    """Answer in place of another server."""
    return httpx.Response(200, json=[request.method, request.content.decode()], headers={"X-Id": "7"})


client = httpx.AsyncClient(transport=httpx.MockTransport(upstream))
url = "http://upstream/"


async def GET():
    response = await client.get(url)
    await asyncio.wait_for(client.get(url), 5)
    head = [response.is_success, response.status_code, response.headers.get("x-id")]
    return [head, response.json(), response.text]


async def PUT():
    data = {"a": 1}
    response = await client.post(url, json=data)
    return response.json()


async def PATCH(request):
    response = await client.request(request.method, url, content=aiter(request.stream))
    return response.json()


async def DELETE(request):
    return (await client.request(request.method, url, content=request.stream)).json()
