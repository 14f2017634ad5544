"""Draws what a soak has measured: a small chart for each figure, below each other."""

from collections.abc import Mapping, Sequence

from benchmarks.drawing import STYLE

LEFT, WIDTH, HEIGHT, GAP, RIGHT = 130, 560, 34, 14, 120
TOP = 40

Points = Sequence[tuple[float, int]]


def picture(figures: Mapping[str, Points], warm_up: float) -> str:
    """Draw each figure from zero to its largest value, over the minutes."""
    end = max(minute for points in figures.values() for minute, _ in points)
    height = TOP + len(figures) * (HEIGHT + GAP) + 24
    parts = [
        f'<text class="title" x="16" y="22">Held at rest, over {end:.3g} minutes of traffic</text>'
    ]
    for number, (name, points) in enumerate(figures.items()):
        top = TOP + number * (HEIGHT + GAP)
        bottom = top + HEIGHT
        largest = max(1, *(value for _, value in points))
        line = " L".join(
            f"{LEFT + WIDTH * minute / end:.1f} {bottom - HEIGHT * value / largest:.1f}"
            for minute, value in points
        )
        last = points[-1][1]
        parts += [
            f'<text class="note end" x="{LEFT - 8}" y="{bottom - 12}">{name.replace("_", " ")}</text>',
            f'<line class="axis" x1="{LEFT}" y1="{bottom}" x2="{LEFT + WIDTH}" y2="{bottom}"/>',
            f'<path class="s0" d="M{line}"/>',
            f'<text class="note" x="{LEFT + WIDTH + 8}" y="{bottom - 12}">{shown(name, last)}</text>',
        ]
    bottom = height - 24 - GAP
    x = LEFT + WIDTH * warm_up / end
    parts.append(f'<line class="axis" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}"/>')
    parts.append(f'<text class="note" x="{x + 4:.1f}" y="{bottom + 16}">warm-up ends</text>')
    parts.append(
        f'<text class="note end" x="{LEFT + WIDTH}" y="{bottom + 16}">{end:.3g} minutes</text>'
    )
    size = f"{LEFT + WIDTH + RIGHT} {height}"
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}">\n'
        f"<title>What a server holds under traffic</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


def shown(name: str, value: int) -> str:
    return f"{value / 2**20:.1f} MiB" if name in ("rss", "allocated") else f"{value:,}"
