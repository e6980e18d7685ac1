"""
Plays written conversations: `>` what a client sends, `<` what it hears, `~ 30s` time that passes, `#` a remark.

With several clients, each line begins with a name: `ada> ...`, `bob< ...`. In what is heard, a text such as `"$epoch"`
stands for any value, the same wherever it is repeated; `"$_"` for any at all. A mismatch shows the whole conversation.
A binary message is written in hex, `0x00ff`; spaces between its parts are for people. `< close 3501` is the end.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any

import attrs
from websockets.frames import Opcode

from gateway.access.identity import ANONYMOUS
from gateway.engines.stream import Position
from gateway.messages.commands import (
    Broken,
    Done,
    Handled,
    HistoryRead,
    Identified,
    Identify,
    Invalid,
    Join,
    Joined,
    Leave,
    Left,
    Nothing,
    Ping,
    Pong,
    PresenceRead,
    Publish,
    Published,
    ReadHistory,
    ReadPresence,
    Renew,
    Renewed,
)
from gateway.reasons import CLOSE_REASONS
from gateway.sockets.frames import close_frame
from tests.support.fake_socket import FakeSocket
from tests.support.peer import Peer, passes, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gateway.messages.commands import Command, Result
    from gateway.node import Node
    from gateway.protocols.base import Wire

_LINE = re.compile(r"(\w*)\s*([<>~])\s?(.*)")


@attrs.frozen
class Line:
    who: str
    sign: str
    text: str

    def __str__(self) -> str:
        return f"{self.who}{self.sign} {self.text}"


def lines(transcript: str) -> Iterator[Line]:
    """The lines that say something; a remark starts with #."""
    for line in map(str.strip, transcript.splitlines()):
        if line and not line.startswith("#"):
            found = _LINE.fullmatch(line)
            assert found is not None, f"no line of a conversation: {line}"
            yield Line(*found.groups())


async def play(node: Node, transcript: str) -> None:
    """Against real machines: each name is a client of its own, connected at its first line. Virtual time only."""
    talk = _Talk()
    peers: dict[str, Peer] = {}
    for line in lines(transcript):
        if line.who not in peers and line.sign != "~":
            peers[line.who] = Peer(node, line.who or "client")
            await settle()
        if line.sign == "<":
            talk.expect(line)
            continue
        talk.hear({who: peer.socket for who, peer in peers.items()})
        talk.happen(line)
        if line.sign == "~":
            await passes(float(line.text.removesuffix("s")))
        else:
            peers[line.who].socket.feed(message(line.text))
        await settle()
    talk.hear({who: peer.socket for who, peer in peers.items()})
    talk.check()


def play_wire(wire: Wire, transcript: str, results: Callable[[Command], Result] | None = None) -> None:
    """Against a wire alone: every command is answered at once with what `results` makes of it."""
    answer_to = results or canned
    talk, socket = _Talk(), FakeSocket()
    for line in lines(transcript):
        if line.sign == "<":
            talk.expect(line)
            continue
        talk.hear({"": socket})
        talk.happen(line)
        for command in wire.decode(message(line.text)):
            for frame in wire.answer(command.reply, answer_to(command)):
                socket.write(frame)
            if isinstance(command, Broken):
                socket.write(close_frame(wire.close_code(CLOSE_REASONS[command.reason])))
    talk.hear({"": socket})
    talk.check()


def message(text: str) -> str | bytes:
    """What a line says."""
    return bytes.fromhex(text[2:]) if text.startswith("0x") else text


def written(socket: FakeSocket) -> list[str]:
    """Every message that arrived, as a line says it."""
    say: dict[Opcode, Callable[[bytes], str]] = {
        Opcode.TEXT: bytes.decode,
        Opcode.BINARY: lambda data: f"0x{data.hex()}",
        Opcode.CLOSE: lambda data: f"close {int.from_bytes(data[:2], 'big')}",
    }
    return [say[frame.opcode](bytes(frame.data)) for frame in socket.frames if frame.opcode in say]


def canned(command: Command) -> Result:
    """A topic at offset 15 of epoch `e`, where nothing ever goes wrong."""
    position = Position(15, "e")
    answers: dict[type, Callable[[], Result]] = {
        Identify: lambda: Identified("c1", ANONYMOUS),
        Renew: lambda: Renewed("c1", 3600.0),
        Join: lambda: Joined(position, None if command.since is None else True),  # type: ignore[union-attr]
        Leave: Left,
        Publish: lambda: Published(Position(16, "e")),
        ReadHistory: lambda: HistoryRead((), position),
        ReadPresence: lambda: PresenceRead((), 0),
        Ping: lambda: Pong(1795219200.123),
        Nothing: Done,
        Broken: Done,
        Invalid: lambda: command.error,  # type: ignore[union-attr]
    }
    return answers.get(type(command), Handled)()


class _Talk:
    """What was wanted and what happened, line by line; what one client hears is in order, across clients it is not."""

    def __init__(self) -> None:
        self._wanted: list[str] = []
        self._happened: list[str] = []
        self._expected: list[Line] = []
        self._heard: dict[str, int] = {}
        self._known: dict[str, Any] = {}

    def happen(self, line: Line) -> None:
        self._wanted.append(str(line))
        self._happened.append(str(line))

    def expect(self, line: Line) -> None:
        self._expected.append(line)

    def hear(self, sockets: dict[str, FakeSocket]) -> None:
        """Compares what came since the last line that was sent with what was expected there."""
        for who, socket in sockets.items():
            wanted = [line.text for line in self._expected if line.who == who]
            heard = written(socket)[self._heard.get(who, 0) :]
            self._heard[who] = len(written(socket))
            self._compare(who, wanted, heard)
        self._expected.clear()

    def _compare(self, who: str, wanted: list[str], heard: list[str]) -> None:
        for number in range(max(len(wanted), len(heard))):
            want = wanted[number] if number < len(wanted) else None
            got = heard[number] if number < len(heard) else None
            if want is not None and got is not None and self._is_same(want, got):
                got = want
            self._wanted += [] if want is None else [f"{who}< {want}"]
            self._happened += [] if got is None else [f"{who}< {got}"]

    def _is_same(self, want: str, got: str) -> bool:
        if want.startswith("close") or got.startswith("close"):
            return want == got
        if want.startswith("0x") or got.startswith("0x"):
            return message(want) == message(got)
        return self._matches(json.loads(want), json.loads(got))

    def _matches(self, want: Any, got: Any) -> bool:
        if isinstance(want, str) and want.startswith("$"):
            return want == "$_" or self._known.setdefault(want, got) == got
        if isinstance(want, dict) and isinstance(got, dict):
            return want.keys() == got.keys() and all(self._matches(want[key], got[key]) for key in want)
        if isinstance(want, list) and isinstance(got, list):
            return len(want) == len(got) and all(map(self._matches, want, got))
        return type(want) is type(got) and bool(want == got)

    def check(self) -> None:
        if self._wanted != self._happened:
            raise AssertionError("- wanted, + happened\n" + "\n".join(_diff(self._wanted, self._happened)))


def _diff(wanted: list[str], happened: list[str]) -> Iterable[str]:
    return difflib.ndiff(wanted, happened)
