"""Plots as SVG text, small and the same for the same numbers: lines on logarithmic axes, and stacked bars."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final
from xml.sax.saxutils import escape

WIDTH: Final = 760
HEIGHT: Final = 430
LEFT, RIGHT, TOP, BOTTOM = 78, 150, 40, 52
# Ours stands out; the others are told apart by hue (Okabe and Ito's palette, safe for the colour-blind).
COLOURS: Final = {
    "ours": "#d55e00",
    "ours-container": "#e69f00",
    "ours-plans-off": "#b0703c",
    "limit": "#009e73",
    "classic": "#0072b2",
    "classic-fair": "#56b4e9",
    "classic-8": "#003d66",
    "workbench": "#cc79a7",
    "mlserver": "#555555",
    "mlserver-default": "#999999",
    "litserve": "#7a5195",
    "bentoml": "#8c8c00",
}
# As many as the most parts that a bar has.
SHADES: Final = (
    *("#0072b2", "#56b4e9", "#e69f00", "#f0e442", "#009e73"),
    *("#cc79a7", "#7a5195", "#b0703c", "#999999", "#8c8c00"),
)
# Values that lie beside each other on an axis this often at most are its ticks themselves.
TICKS: Final = 11
STYLE: Final = "font-family='sans-serif' font-size='12' fill='#222'"


@dataclass
class Axis:
    """A logarithmic axis over some values, from pixel to pixel."""

    values: list[float]
    begin: float
    end: float

    def __post_init__(self) -> None:
        """Span the values, and at least a little."""
        self.low = math.log10(min(self.values))
        self.high = max(math.log10(max(self.values)), self.low + 0.1)

    def at(self, value: float) -> float:
        """Return a value's pixel."""
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self) -> list[float]:
        """Return the values if they are few, else powers of ten, and 2 and 5 of them where those are few."""
        if self.begin < self.end and len(set(self.values)) <= TICKS:
            return sorted(set(self.values))
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        steps = (1,) if self.high - self.low > 2 else (1, 2, 5)  # noqa: PLR2004 (decades)
        found = [step * 10.0**power for power in decades for step in steps]
        slack = 1e-9
        return [each for each in found if self.low - slack <= math.log10(each) <= self.high + slack]


@dataclass
class Plot:
    """Lines by name, each a list of (x, y)."""

    title: str
    x: str
    y: str
    lines: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def text(self) -> str:
        """Return the SVG."""
        points = [point for line in self.lines.values() for point in line]
        across = Axis([x for x, _ in points], LEFT, WIDTH - RIGHT)
        up = Axis([y for _, y in points], HEIGHT - BOTTOM, TOP)
        return _svg(self.title, [*self._frame(across, up), *self._lines(across, up)], HEIGHT)

    def _frame(self, across: Axis, up: Axis) -> list[str]:
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        parts = []
        for tick in across.ticks():
            x = across.at(tick)
            parts.append(_line(x, bottom, x, TOP))
            parts.append(_text(x, bottom + 18, _number(tick), "middle"))
        for tick in up.ticks():
            y = up.at(tick)
            parts.append(_line(LEFT, y, right, y))
            parts.append(_text(LEFT - 8, y + 4, _number(tick), "end"))
        parts.append(_text((LEFT + right) / 2, HEIGHT - 12, self.x, "middle"))
        turned = f"transform='rotate(-90 18 {(TOP + bottom) / 2:.0f})'"
        parts.append(_text(18, (TOP + bottom) / 2, self.y, "middle", turned))
        return parts

    def _lines(self, across: Axis, up: Axis) -> list[str]:
        parts = []
        labels = _spread({n: up.at(line[-1][1]) for n, line in self.lines.items()})
        for name, line in self.lines.items():
            colour, width = COLOURS.get(name, "#222"), 3 if name == "ours" else 1.5
            path = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in line)
            parts.append(
                f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='{width}'/>"
            )
            parts += [
                f"<circle cx='{across.at(x):.1f}' cy='{up.at(y):.1f}' r='3' fill='{colour}'/>"
                for x, y in line
            ]
            end, label = across.at(line[-1][0]), labels[name]
            edge = WIDTH - RIGHT + 12
            parts.append(_line(end, up.at(line[-1][1]), edge, label, colour))
            parts.append(_text(edge + 3, label + 4, name, "start", f"style='fill:{colour}'"))
        return parts


def bars(title: str, rows: dict[str, list[tuple[str, float]]], unit: str) -> str:
    """Return stacked bars, a row each, with every part named beneath it."""
    parts, y, span = [], TOP + 10.0, WIDTH - 2 * 24
    for name, steps in rows.items():
        total = sum(value for _, value in steps)
        parts.append(_text(24, y, f"{name}: {total:,.0f} {unit}", "start", "font-weight='bold'"))
        y, x = y + 8, 24.0
        for i, (_, value) in enumerate(steps):
            width, colour = span * value / total, SHADES[i % len(SHADES)]
            parts.append(
                f"<rect x='{x:.1f}' y='{y:.1f}' width='{max(width, 0.5):.1f}' height='24' fill='{colour}' stroke='white'/>"
            )
            x += width
        y += 40
        for i, (label, value) in enumerate(steps):
            colour = SHADES[i % len(SHADES)]
            parts.append(f"<rect x='24' y='{y - 10:.1f}' width='11' height='11' fill='{colour}'/>")
            told = f"{label}: {value:,.0f} {unit} ({value / total:.0%})"
            parts.append(_text(42, y, told, "start"))
            y += 18
        y += 22
    return _svg(title, parts, round(y))


def _spread(places: dict[str, float]) -> dict[str, float]:
    """Push labels apart so that each can be read, the higher ones first."""
    found: dict[str, float] = {}
    last = TOP - 15.0
    for name, y in sorted(places.items(), key=lambda item: item[1]):
        last = max(y, last + 15)
        found[name] = last
    over = max(0.0, last - (HEIGHT - BOTTOM))
    return {name: y - over for name, y in found.items()} if over else found


def _svg(title: str, parts: list[str], height: int) -> str:
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' height='{height}'>"
    ground = f"<rect width='{WIDTH}' height='{height}' fill='white'/>"
    titled = _text(24, 22, title, "start", "font-weight='bold'")
    return "\n".join([head, ground, titled, *parts, "</svg>"]) + "\n"


def _line(x: float, y: float, to_x: float, to_y: float, colour: str = "#ddd") -> str:
    return f"<line x1='{x:.1f}' y1='{y:.1f}' x2='{to_x:.1f}' y2='{to_y:.1f}' stroke='{colour}' stroke-width='0.8'/>"


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' {STYLE} {more}>{escape(text)}</text>"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
