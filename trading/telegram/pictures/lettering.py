"""The font: DejaVu Sans, because Pillow's own lacks ▲, ▼, → and €."""

import math
from functools import cache
from pathlib import Path

from PIL import ImageFont

FONT = Path(__file__).resolve().parent.parent / "fonts" / "DejaVuSans.ttf"


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font at a size in pixels; read once in a process. Plain layout: nothing here is joined or turned around."""
    return ImageFont.truetype(FONT, size, layout_engine=ImageFont.Layout.BASIC)


def text_width(text: str, size: int) -> int:
    """How many pixels a text takes."""
    return math.ceil(font(size).getlength(text))
