"""Boxes in whole pixels, and putting them beside each other without overlaps. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; `right` and `bottom` are the first pixels outside it, y grows downwards."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def middle(self) -> int:
        return (self.top + self.bottom) // 2

    def overlaps(self, other: "Box") -> bool:
        beside = self.right <= other.left or other.right <= self.left
        return not (beside or self.bottom <= other.top or other.bottom <= self.top)

    def holds(self, other: "Box") -> bool:
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom


def push_apart(middles: Sequence[int], *, size: int, top: int, bottom: int) -> list[int]:
    """Where boxes of `size` begin so that they follow each other between `top` and `bottom` without overlapping.

    Each ends up as close to its wanted middle as the others let it, in the order given. `middles` ascend, and the boxes
    fit in. Boxes that would overlap form a block around the mean of what its members want (pool adjacent violators).
    """
    blocks: list[tuple[int, int]] = []  # the sum of the wanted beginnings of a block's first box, and its length
    for place, middle in enumerate(middles):
        total, count = middle - size // 2 - place * size, 1
        while blocks and blocks[-1][0] * count > total * blocks[-1][1]:
            before, length = blocks.pop()
            total, count = total + before, count + length
        blocks.append((total, count))
    begins = [total // count for total, count in blocks for _ in range(count)]
    last = bottom - len(begins) * size
    return [min(max(begin, top), last) + place * size for place, begin in enumerate(begins)]
