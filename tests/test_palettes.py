"""The colours of the pages: what is written can be read, in light and in dark, as WCAG 2.2 asks (1.4.3, AA)."""

from __future__ import annotations

import re
from colorsys import hls_to_rgb
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHEETS = (
    "gateway/web/pages/chat.css",
    "examples/centrifuge_js_client/page/look/board.css",
    "examples/cursors/page/cursors.css",
    "examples/game/page/game.css",
    "examples/ticker/page/ticker.css",
)
WRITTEN_ON = {
    "ink": ("ground", "surface", "raised", "accent-soft"),
    "quiet": ("ground", "surface", "raised", "accent-soft", "line"),
    "accent": ("ground", "surface", "raised", "accent-soft"),
    "accent-ink": ("accent",),
    "good": ("ground", "surface", "raised", "accent-soft"),
    "wait": ("ground", "surface", "raised", "wait-soft"),
    "bad": ("ground", "surface", "raised", "bad-soft"),
}
"""Each colour of words, and what they stand on: cards, pills, banners, buttons."""
READABLE = 4.5
"""The contrast that words of less than 24 px need, or of less than 19 px if they are bold."""


def palettes(sheet: str) -> dict[str, dict[str, str]]:
    """`light` and `dark`: the hexadecimal colours of the two `:root` blocks by name; dark ones replace light ones."""
    blocks = re.findall(r":root\s*\{(.*?)\}", (ROOT / sheet).read_text("utf-8"), re.DOTALL)
    light, dark = (dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6});", block)) for block in blocks)
    return {"light": light, "dark": light | dark}


def luminance(colour: str) -> float:
    """Relative luminance, 0 for black and 1 for white."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1 for the same colour to 21 for black and white."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("sheet", SHEETS)
def test_what_is_written_on_a_page_can_be_read(sheet: str, scheme: str) -> None:
    """Every colour of words has a contrast of 4.5 or more to all that it stands on."""
    colours = palettes(sheet)[scheme]
    pairs = [(ink, on) for ink, behind in WRITTEN_ON.items() for on in behind if {ink, on} <= colours.keys()]
    assert len(pairs) > 12
    found = {f"{ink} on {on}": round(contrast(colours[ink], colours[on]), 2) for ink, on in pairs}
    assert {pair: ratio for pair, ratio in found.items() if ratio < READABLE} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_name_at_a_pointer_can_be_read_whatever_its_hue(scheme: str) -> None:
    """Hues differ in how bright they are: what is written on yellow has to be readable as well."""
    sheet = "examples/cursors/page/cursors.css"
    labels = re.findall(r"--label: (\d+)% (\d+)%;", (ROOT / sheet).read_text("utf-8"))
    saturation, lightness = (int(part) / 100 for part in labels[scheme == "dark"])
    ink = palettes(sheet)[scheme]["ink-on-pointer"]
    for hue in range(360):
        red, green, blue = (round(255 * part) for part in hls_to_rgb(hue / 360, lightness, saturation))
        assert contrast(f"#{red:02x}{green:02x}{blue:02x}", ink) >= READABLE, hue
