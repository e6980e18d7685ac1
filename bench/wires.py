"""How the clients talk to a server: where they connect, what they say until they are of use, and how they publish."""

from __future__ import annotations

import attrs


@attrs.frozen
class Wire:
    """
    Texts may have {room}, {conn}, {n} and {payload}, as `load --help` says.

    Args:
        room: The path that members of a room connect to.
        echo: The path for an echo.
        greet: Options of `load` for after the upgrade, on every connection.
        join: The same, to join a room.
        say: What publishes to the room; empty is the bare payload.
        call: What is answered on the echo path; empty is the same as `say`, in a room where the client is alone.
        always: Options of every run, such as the ping that this wire answers itself.
    """

    room: str
    echo: str
    greet: tuple[str, ...] = ()
    join: tuple[str, ...] = ()
    say: str = ""
    call: str = ""
    always: tuple[str, ...] = ()

    def in_room(self) -> tuple[str, ...]:
        return ("--path", self.room, *self.always, *self.greet, *self.join, *_message(self.say))

    def in_echo(self) -> tuple[str, ...]:
        joined = () if self.call or not self.say else self.join
        return ("--path", self.echo, *self.always, *self.greet, *joined, *_message(self.call or self.say))

    def at_the_door(self) -> tuple[str, ...]:
        """A connection that is open, and in no room."""
        return ("--path", self.echo, *self.always, *self.greet)


def _message(text: str) -> tuple[str, ...]:
    return ("--message", text) if text else ()


RAW = Wire(room="/room/{room}", echo="/echo")

NATIVE = Wire(
    room="/ws",
    echo="/ws",
    join=("--send", '{"action":"join_room","room":"public:r{room}"}', "--expect", '"status":"joined"'),
    say='{"action":"publish","room":"public:r{room}","payload":"{payload}"}',
)

CENTRIFUGE = Wire(
    room="/connection/websocket",
    echo="/connection/websocket",
    greet=("--send", '{"id":{n},"connect":{}}', "--expect", '"connect":{'),
    join=("--send", '{"id":{n},"subscribe":{"channel":"public:r{room}"}}', "--expect", '"subscribe":{'),
    say='{"id":{n},"publish":{"channel":"public:r{room}","data":{"text":"{payload}"}}}',
    always=("--ping", "{}", "--pong", "{}"),
)

SOCKETIO = Wire(
    room="/socket.io/?EIO=4&transport=websocket",
    echo="/socket.io/?EIO=4&transport=websocket",
    greet=("--expect", "0{", "--send", "40", "--expect", "40{"),
    join=("--send", '42["join","r{room}"]', "--expect", '42["joined"'),
    say='42["say","r{room}","{payload}"]',
    call='42["echo","{payload}"]',
    always=("--ping", "2", "--pong", "3"),
)
