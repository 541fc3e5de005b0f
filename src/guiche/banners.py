"""Pictures for the events of the sample data: hills and a sun, the same ones each time."""

from __future__ import annotations

import math
import random

TYPE = "image/svg+xml"
WIDTH, HEIGHT = 1200, 400
_STEP = 6
#: Sky above, sky below, sun, then the hills from far to near.
_PALETTES = (
    ("#1b2a49", "#f2a65a", "#ffe8b8", "#7a4b6b", "#54385f", "#35284c", "#1d1a36"),
    ("#0f3d3e", "#e2dcc8", "#fff6df", "#5f9a8a", "#3c7a72", "#245a59", "#123b3f"),
    ("#2b1055", "#f08a5d", "#ffd56b", "#b83b5e", "#8a2f62", "#5c2458", "#33184a"),
    ("#0b3c5d", "#b9e3f0", "#fdfbe4", "#5ba4c9", "#3380ad", "#1d5f8c", "#0e3f66"),
    ("#3a1c2e", "#f7c59f", "#fff1d0", "#d1495b", "#a63446", "#742b3a", "#43202c"),
    ("#14213d", "#fca311", "#fff3cf", "#8d6a3f", "#65503b", "#403a3c", "#232838"),
    ("#204b3b", "#f4e8a8", "#fffbe0", "#86a85a", "#5b8a4c", "#386a44", "#1f4a3a"),
    ("#31135e", "#9be7ff", "#f0fbff", "#7d6fd1", "#5c4cb5", "#42328e", "#291b63"),
)


class Painter:
    """Paints one picture after the other; shapes are made once and used in many."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._hills = [_ridge(rng) for _ in range(48)]
        self._stars = [_stars(rng) for _ in range(8)]

    def paint(self) -> bytes:
        """An SVG picture, 20 to 40 kB."""
        rng = self._rng
        top, low, sun, *hills = rng.choice(_PALETTES)
        x, y, radius = rng.randrange(200, 1000), rng.randrange(90, 190), rng.randrange(45, 95)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
            f'<defs><linearGradient id="s" x2="0" y2="1"><stop stop-color="{top}"/>'
            f'<stop offset="1" stop-color="{low}"/></linearGradient></defs>'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="url(#s)"/>'
            f'<g fill="{sun}">{rng.choice(self._stars)}<circle cx="{x}" cy="{y}" r="{radius}"/>'
            f'<circle cx="{x}" cy="{y}" r="{radius + 22}" opacity=".25"/>'
            f'<circle cx="{x}" cy="{y}" r="{radius + 52}" opacity=".12"/></g>'
        )
        parts = [head]
        layers = rng.randrange(10, 15)
        for layer in range(layers):
            depth = layer / layers
            colour = hills[min(int(depth * len(hills)), len(hills) - 1)]
            parts.append(
                f'<path transform="translate(0 {150 + 190 * depth:.0f})" fill="{colour}"'
                f' opacity="{0.55 + 0.45 * depth:.2f}" d="{rng.choice(self._hills)}"/>'
            )
        return ("".join(parts) + "</svg>\n").encode()


def _ridge(rng: random.Random) -> str:
    waves = [(rng.uniform(8, 34) / part, part * rng.uniform(0.6, 1.4), rng.uniform(0, 6.3)) for part in (1, 2, 3, 5)]
    points = []
    for x in range(0, WIDTH + 1, _STEP):
        angle = x / WIDTH * 2 * math.pi
        points.append(f"{x} {sum(high * math.sin(angle * often + shift) for high, often, shift in waves):.1f}")
    return f"M0 {HEIGHT}L{'L'.join(points)}L{WIDTH} {HEIGHT}Z"


def _stars(rng: random.Random) -> str:
    return "".join(
        f'<circle cx="{rng.randrange(WIDTH)}" cy="{rng.randrange(170)}" r="{rng.uniform(0.4, 1.9):.1f}"'
        f' opacity="{rng.uniform(0.1, 0.8):.2f}"/>'
        for _ in range(rng.randrange(60, 130))
    )
