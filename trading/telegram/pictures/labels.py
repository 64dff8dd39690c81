"""Texts in a picture with the boxes that they fill. Pure; how wide a text is, the caller's `Measure` says."""

from collections.abc import Callable
from dataclasses import dataclass

from trading.telegram.pictures.geometry import Box
from trading.telegram.pictures.themes import Ink

WIDTH, HEIGHT = 1280, 720
MARGIN = 20
TITLE, HEAD, BODY = 46, 36, 28  # pixels; a phone shows the picture about 400 points wide, 28 pixels are 9 points there
PADDING = 10
ELLIPSIS = "…"
Measure = Callable[[str, int], int]


@dataclass(frozen=True, slots=True)
class Label:
    """A text of `size` pixels, at the left of its box; on a tag of the colour `fill` where there is one."""

    text: str
    box: Box
    size: int
    ink: Ink
    fill: Ink | None = None

    @property
    def text_left(self) -> int:
        return self.box.left + (PADDING if self.fill else 0)


def height_of(size: int) -> int:
    """What a line of text of this size takes."""
    return size * 5 // 4


def fitted(text: str, size: int, width: int, measure: Measure) -> str:
    """`text`, shortened with an ellipsis until it is no wider than `width`; empty where not even that fits."""
    if measure(text, size) <= width:
        return text
    for length in range(len(text) - 1, 0, -1):
        shorter = text[:length].rstrip() + ELLIPSIS
        if measure(shorter, size) <= width:
            return shorter
    return ""


def label_at(
    left: int, middle: int, text: str, size: int, ink: Ink, measure: Measure, fill: Ink | None = None
) -> Label:
    """A label that begins at `left`, exactly as wide as it needs."""
    width = measure(text, size) + (2 * PADDING if fill else 0)
    top = middle - height_of(size) // 2
    return Label(text, Box(left, top, left + width, top + height_of(size)), size, ink, fill)


def label_to(right: int, middle: int, text: str, size: int, ink: Ink, measure: Measure) -> Label:
    """A label without a tag that ends at `right`."""
    return label_at(right - measure(text, size), middle, text, size, ink, measure)
