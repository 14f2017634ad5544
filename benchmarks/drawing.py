"""Draws figures as SVG that is readable on a light and on a dark page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

STYLE = """
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328 }
  .title { font-weight: 600 }
  .note { font-size: 12px; fill: #59636e }
  .middle { text-anchor: middle }
  .end { text-anchor: end }
  .axis { stroke: #d1d9e0 }
  rect { rx: 3px }
  path { fill: none; stroke-width: 2 }
  .s0 { fill: #2da44e; stroke: #2da44e } .s1 { fill: #8c959f; stroke: #8c959f }
  .s2 { fill: #54aeff; stroke: #54aeff } .s3 { fill: #d4a72c; stroke: #d4a72c }
  rect { stroke: none } path { fill: none !important }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .note { fill: #9198a1 } .axis { stroke: #3d444d }
  }
"""
COLOURS = 4

LABELS, LENGTH, NUMBERS, MARGIN = 110, 480, 110, 16
BAR, GAP, TITLE = 16, 4, 26


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: who, how long, and what is written behind it."""

    label: str
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Group:
    """Bars that are compared with each other."""

    title: str
    bars: Sequence[Bar]


def bars(title: str, groups: Sequence[Group]) -> str:
    """Draw groups of bars, below each other; the longest of each group takes the whole length."""
    parts: list[str] = []
    y = MARGIN
    for group in groups:
        longest = max(bar.value for bar in group.bars)
        parts.append(_text(MARGIN, y + 14, group.title, "title"))
        y += TITLE
        for number, bar in enumerate(group.bars):
            width = max(LENGTH * bar.value / longest, 1)
            left = MARGIN + LABELS
            parts.append(_text(left - 8, y + 13, bar.label, "note end"))
            parts.append(
                f'<rect class="s{number % COLOURS}" x="{left}" y="{y}"'
                f' width="{width:.1f}" height="{BAR}"/>'
            )
            parts.append(_text(left + width + 8, y + 13, bar.text, "note"))
            y += BAR + GAP
        y += GAP * 2
    return _svg(title, MARGIN * 2 + LABELS + LENGTH + NUMBERS, y, parts)


Points = Sequence[tuple[float, float]]

LEFT, WIDTH, HEIGHT, LEGEND = 80, 520, 260, 150


def curves(title: str, across: str, lines: Mapping[str, Points], unit: str = "s") -> str:
    """Draw lines on two logarithmic axes."""
    columns = [x for points in lines.values() for x, _ in points]
    rows = [y for points in lines.values() for _, y in points]
    across_axis, up_axis = _Axis(columns, LEFT, WIDTH), _Axis(rows, MARGIN + 24 + HEIGHT, -HEIGHT)
    bottom, top = MARGIN + 24 + HEIGHT, MARGIN + 24
    parts = [_text(MARGIN, MARGIN + 8, title, "title")]
    for tick in across_axis.ticks():
        x = across_axis.place(tick)
        parts.append(_line(x, top, x, bottom))
        parts.append(_text(x, bottom + 18, f"{tick:,.0f}", "note middle"))
    for tick in up_axis.ticks():
        y = up_axis.place(tick)
        parts.append(_line(LEFT, y, LEFT + WIDTH, y))
        parts.append(_text(LEFT - 8, y + 4, _short(tick, unit), "note end"))
    for number, (name, points) in enumerate(lines.items()):
        places = [f"{across_axis.place(x):.1f} {up_axis.place(y):.1f}" for x, y in points]
        colour = f"s{number % COLOURS}"
        parts.append(f'<path class="{colour}" d="M{" L".join(places)}"/>')
        y = top + 14 + number * 20
        parts.append(
            f'<rect class="{colour}" x="{LEFT + WIDTH + 14}" y="{y - 10}" width="12" height="12"/>'
        )
        parts.append(_text(LEFT + WIDTH + 32, y, name, "note"))
    parts.append(_text(LEFT + WIDTH / 2, bottom + 38, across, "note middle"))
    return _svg(title, LEFT + WIDTH + LEGEND, bottom + 48, parts)


class _Axis:
    """A logarithmic axis over whole powers of ten."""

    def __init__(self, values: Sequence[float], start: float, length: float) -> None:
        self._low = floor(log10(min(values)))
        self._high = max(ceil(log10(max(values))), self._low + 1)
        self._start = start
        self._length = length

    def place(self, value: float) -> float:
        share = (log10(value) - self._low) / (self._high - self._low)
        return self._start + self._length * share

    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self._low, self._high + 1)]


def _short(value: float, unit: str) -> str:
    for prefix, size in (("", 1), ("m", 1e-3), ("u", 1e-6), ("n", 1e-9)):
        if value >= size * 0.999:
            return f"{value / size:,.0f} {prefix}{unit}"
    return f"{value:g} {unit}"


def _text(x: float, y: float, text: str, kind: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escaped}</text>'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="axis" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _svg(title: str, width: float, height: float, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n"
    )
