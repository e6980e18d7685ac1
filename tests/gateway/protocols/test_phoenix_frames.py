"""Phoenix's V2 frames: what a client's serializer writes is read, and what is written its serializer reads."""

from __future__ import annotations

import json

import pytest

from gateway.protocols import phoenix_frames as frames
from gateway.protocols.phoenix_frames import Message, Ref
from tests.support import phoenix_js
from tests.support.fake_socket import FakeSocket


def heard(frame: bytes | None) -> phoenix_js.Heard:
    """What phoenix.js makes of one frame."""
    assert frame is not None
    socket = FakeSocket()
    socket.write(frame)
    (whole,) = socket.frames
    return phoenix_js.decode(whole)


def parts(message: Message | None) -> tuple[object, ...]:
    assert message is not None
    return (message.join_ref, message.ref, message.topic, message.event, message.payload, message.kind)


def test_a_text_frame_is_five_elements() -> None:
    """The payload stays the bytes that it was; a sixth element is ignored, as Phoenix does."""
    text = '["1", "2", "room:ä", "say", {"a" : 1.50, "b":"\\u00e4"}, "more"]'
    expected = ("1", "2", "room:ä", "say", b'{"a" : 1.50, "b":"\\u00e4"}', "json")
    assert parts(frames.read(text)) == expected


@pytest.mark.parametrize("payload", ["{}", "null", "7", '"x"', "[1,2]", "true", "1e999"])
def test_a_payload_may_be_any_json(payload: str) -> None:
    """phoenix.js sends objects; others send what they like."""
    assert parts(frames.read(f'[null,null,"t","e",{payload}]')) == (None, None, "t", "e", payload.encode(), "json")


@pytest.mark.parametrize("ref", [None, "1", "", "ä" * 127, 7, 0, -1, 2**63])
def test_refs_go_back_as_they_came(ref: Ref) -> None:
    """Texts, numbers and null: who sent a number compares with a number."""
    message = frames.read(json.dumps([ref, ref, "t", "e", {}]))
    assert message is not None
    array = heard(frames.text(message.join_ref, message.ref, "t", "e", b"{}"))
    assert type(array.ref) is type(ref)
    assert tuple(array) == (ref, ref, "t", "e", {})


def test_what_is_written_is_compact_and_raw() -> None:
    """A Java client cuts at the first four commas, and nothing is escaped that need not be."""
    frame = frames.text("1", None, "room:ä", "say", b'{"a":"\xc3\xa4"}')
    assert frame[2:] == '["1",null,"room:ä","say",{"a":"ä"}]'.encode()
    reply = frames.reply(None, "2", "t", "ok", b"{}")
    assert reply[2:] == b'[null,"2","t","phx_reply",{"status":"ok","response":{}}]'


@pytest.mark.parametrize(
    "text",
    [
        "", "nul", "{}", "7", "[]", '["1","1","t","e"]', '["1","1",7,"e",{}]', '["1","1","t",null,{}]',
        '[1.5,"1","t","e",{}]', '["1",true,"t","e",{}]', '["1",["1"],"t","e",{}]', '["1","1","t","e",]',
        '["1","1","t","e",{}] x', '["1","1","t","e",{"a":NaN}]', '["1","1","t","e",{"a":"\\ud800"}]',
        '["1","1","t","\\ud800",{}]', '[null,null,"t","e",' + "[" * 100_000, "[" + "9" * 5000 + ',1,"t","e",{}]',
        json.dumps(["x" * 256, "1", "t", "e", {}]), json.dumps(["1", "ä" * 128, "t", "e", {}]),
    ],
)  # fmt: skip
def test_a_text_that_is_no_frame_is_none(text: str) -> None:
    """Phoenix crashes over it; here it has no message in it."""
    assert frames.read(text) is None


def test_a_client_sends_bytes() -> None:
    """Every size counts bytes of UTF-8; an empty text stands for null."""
    sent = phoenix_js.encode("1", "22", "röm", "say", b"\x00\xff")
    assert isinstance(sent, bytes)
    assert parts(frames.read(sent)) == ("1", "22", "röm", "say", b"\x00\xff", "binary")
    assert parts(frames.read(b"\x00\x00\x00\x01\x01te")) == (None, None, "t", "e", b"", "binary")


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x00", b"\x00\x01\x01\x01", b"\x00\x01\x01\x01\x01abc", b"\x01\x00\x00\x01\x01te", b"\x02\x01\x01te",
        b"\x07\x00\x00\x01\x01te", b"\x00\xff\xff\xff\xff" + b"x" * 1019, b"\x00\x00\x00\x01\x01\xffe",
    ],
)  # fmt: skip
def test_bytes_that_are_no_frame_are_none(data: bytes) -> None:
    """Cut off, of a kind that only servers send, or with a name that is no UTF-8."""
    assert frames.read(data) is None


def test_a_cut_frame_is_never_another_one() -> None:
    """However much of the names is missing; the data behind them may be of any length."""
    sent = phoenix_js.encode("1", "2", "topic", "event", b"")
    assert isinstance(sent, bytes)
    assert [frames.read(sent[:end]) for end in range(len(sent))] == [None] * len(sent)


def test_bytes_for_clients() -> None:
    """A reply, a push to one member, a broadcast: each read back by the client."""
    ok = {"status": "ok", "response": b"\x00"}
    assert heard(frames.binary_reply("1", "2", "t", "ok", b"\x00")) == ("1", "2", "t", "phx_reply", ok)
    assert heard(frames.binary_reply(None, 7, "t", "ok", b"\x00")) == ("", "7", "t", "phx_reply", ok)
    assert heard(frames.binary_push("1", "t", "e", b"\x00")) == ("1", None, "t", "e", b"\x00")
    assert heard(frames.binary_push(None, "t", "e", b"\x00")) == ("", None, "t", "e", b"\x00")
    assert heard(frames.binary_broadcast("t", "ä", b"")) == (None, None, "t", "ä", b"")


def test_a_name_that_does_not_fit_makes_no_frame() -> None:
    """255 bytes do, 256 do not."""
    assert heard(frames.binary_broadcast("t" * 255, "e" * 255, b"x")).topic == "t" * 255
    assert frames.binary_broadcast("t", "ä" * 128, b"x") is None
    assert frames.binary_push("1", "t" * 256, "e", b"x") is None
    assert frames.binary_reply("1", "1", "t" * 256, "ok", b"x") is None
