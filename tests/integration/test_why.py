"""`hubbub why`, against a gateway that runs."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from click.testing import CliRunner, Result

from gateway.access.identity import Principal
from gateway.events import ConnectionClosed
from hubbub import command as commands
from tests.support.client import connect, settings, when

Serve = Any


async def hubbub(server: Any, *arguments: str) -> Result:
    """The command, in a thread of its own: it has a loop of its own."""
    command = ["why", *arguments, "--url", server.admin_url]
    return await asyncio.to_thread(CliRunner().invoke, commands(), command)


async def closed(facts: list[Any], count: int) -> None:
    await when(lambda: len(facts) == count)


async def get(url: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.json()


async def test_an_open_connection_tells_how_it_is(demo_server: Any) -> None:
    """Its topics and what was heard of it."""
    async with connect(demo_server.ws()) as client:
        await client.join("public:lobby")
        found = await get(f"{demo_server.admin_url}/connections/{client.id}")
        assert (found["state"], found["wire"], found["address"], found["path"], found["topics"]) == (
            "open", "native", "127.0.0.1", "/ws", ["public:lobby"],
        )  # fmt: skip
        assert (found["received"], found["outbox_bytes"], found["missed_pings"]) == (1, 0, 0)
        assert 0 <= found["last_inbound_age"] <= found["seconds"]
        result = await hubbub(demo_server, client.id)
        assert result.exit_code == 0
        assert result.output.startswith(f"connection {client.id} is open\n")
        assert "public:lobby" in result.output


async def test_a_closed_connection_tells_why_and_what_to_do(demo_server: Any) -> None:
    """By the id that its upgrade was answered with."""
    facts = demo_server.watch(ConnectionClosed)
    async with connect(demo_server.ws()) as client:
        await client.close(4242)
        await when(lambda: len(facts) == 1)
        result = await hubbub(demo_server, client.id)
    assert result.exit_code == 0
    assert result.output.startswith(f"connection {client.id} was ended by: client\n")
    assert "code        4242" in result.output
    assert "its client closed it" in result.output


async def test_a_connection_nobody_knows_is_exit_code_1(demo_server: Any) -> None:
    """Whatever was pasted: nothing of it leaves the path it belongs in."""
    for pasted in ("nobody", "../tree", "a/b?c#d", "a b", "%2e%2e", "\x1b[2Jx"):
        result = await hubbub(demo_server, pasted)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("nothing is known of connection ")
        assert "\x1b" not in result.stderr


async def test_the_connections_of_a_principal_are_listed_newest_first(serve: Serve) -> None:
    """Open ones, then those that left; without a name everybody's."""
    server = await serve(settings=settings())
    facts = server.watch(ConnectionClosed)
    left: list[str] = []
    for count, code in enumerate((4001, 4002), start=1):
        async with connect(server.ws()) as client:
            server.app.node.directory.get(client.id)._actor._who.told(Principal("ada"))
            await client.close(code)
            left += [client.id]
            await closed(facts, count)
    async with connect(server.ws()) as ada, connect(server.ws()) as bob:
        server.app.node.directory.get(ada.id)._actor._who.told(Principal("ada"))
        of_ada = (await hubbub(server, "--principal", "ada")).output.splitlines()
        everybody = (await hubbub(server)).output.splitlines()
        newest = (await hubbub(server, "--principal", "ada", "--limit", "1")).output.splitlines()
        nobody = (await hubbub(server, "--principal", "nobody")).output
        anonymous = (await hubbub(server, "--principal", "")).output.splitlines()
    assert [line.partition(" ")[0] for line in of_ada] == [ada.id, *reversed(left)]
    assert [line.partition(" ")[0] for line in everybody] == [bob.id, ada.id, *reversed(left)]
    assert [line.partition(" ")[0] for line in newest] == [ada.id, left[-1]]
    assert nobody.startswith("nobody: no connection of nobody is open")
    assert [line.partition(" ")[0] for line in anonymous] == [bob.id]


async def test_without_a_gateway_it_says_so(serve: Serve) -> None:
    """Exit code 2, for the gateway that is gone as for two questions at once."""
    server = await serve(settings=settings())
    assert (await hubbub(server, "x", "--principal", "ada")).exit_code == 2
    url = server.admin_url
    await server.stop()
    result = await asyncio.to_thread(CliRunner().invoke, commands(), ["why", "x", "--url", url])
    assert result.exit_code == 2
    assert "nothing listens there" in result.stderr


async def test_while_it_drains_it_still_tells_why(serve: Serve) -> None:
    """Whoever is let go asks before the process ends."""
    server = await serve(settings=settings(DRAIN__SPREAD="0s"))
    async with connect(server.ws()) as client:
        await server.app.drain()
        assert (await client.closed())[0] == 3001
        result = await hubbub(server, client.id)
    assert result.output.startswith(f"connection {client.id} was ended by: shutdown\n")
