"""What clients call of the application, beside topics: each call has one answer, also if there is nothing to say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actors.events import ActorFailed
from gateway import Gateway, WebSocket
from tests.support.client import connect


@pytest.mark.allow_failures("TypeError")
@pytest.mark.parametrize("value", [float("nan"), [1, float("inf")], object()])
async def test_an_answer_that_json_cannot_carry_is_a_failure_and_no_null(serve: Any, value: object) -> None:
    """The client learns that it did not work, the log where; the connection goes on."""
    app = Gateway()

    @app.rpc("broken")
    def broken(ws: WebSocket, data: Any) -> object:
        return value

    @app.rpc("double")
    def double(ws: WebSocket, data: Any) -> object:
        return 2 * data

    server = await serve(app)
    failed = server.watch(ActorFailed)
    async with connect(server.ws("/connection/websocket")) as client:
        await client.send(
            '{"id":1,"connect":{}}\n{"id":2,"rpc":{"method":"broken"}}\n{"id":3,"rpc":{"method":"double","data":4}}'
        )
        said = [json.loads(line) for _ in range(3) for line in (await client.receive()).split("\n")]
        answers = {one["id"]: one for one in said}
    assert answers[2]["error"]["code"] == 100
    assert answers[3]["rpc"] == {"data": 8}
    assert [type(fact.error) for fact in failed] == [TypeError]
