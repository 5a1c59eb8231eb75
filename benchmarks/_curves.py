"""Draw curves beside each other as an SVG: plain text, so that a change of them can be read in a diff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

PANEL_WIDTH, PANEL_HEIGHT = 430, 330
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 44, 46  # margins of a panel
INK, GRID, PAPER = "#333333", "#dddddd", "#ffffff"
FONT = 'font-family="sans-serif" font-size="12"'
MARKER_RADIUS = 4


@dataclass(frozen=True)
class Curve:
    """A line, or single marked points."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]
    labels: Sequence[str] = ()  # one for each point, which is then marked; else they are joined


@dataclass(frozen=True)
class Panel:
    """One diagram; all of a picture have the same axes."""

    title: str
    curves: Sequence[Curve]


@dataclass(frozen=True)
class Axis:
    """A scale that begins at 0."""

    title: str
    end: float
    step: float


def svg(panels: Sequence[Panel], *, x: Axis, y: Axis) -> str:
    """Give the picture."""
    width, height = PANEL_WIDTH * len(panels), PANEL_HEIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
    ]
    for i, panel in enumerate(panels):
        lines += [f'<g transform="translate({i * PANEL_WIDTH} 0)" {FONT} fill="{INK}">', *_panel(panel, x, y), "</g>"]
    return "\n".join([*lines, "</svg>", ""])


def _panel(panel: Panel, x: Axis, y: Axis) -> list[str]:
    inner_width, inner_height = PANEL_WIDTH - LEFT - RIGHT, PANEL_HEIGHT - TOP - BOTTOM
    right, bottom = LEFT + inner_width, TOP + inner_height

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return LEFT + inner_width * point[0] / x.end, bottom - inner_height * point[1] / y.end

    lines = [f'<text x="{LEFT}" y="20" font-weight="bold">{escape(panel.title)}</text>']
    for k in range(round(x.end / x.step) + 1):
        across, _ = at((k * x.step, 0))
        lines.append(f'<path d="M{across:.1f} {TOP}V{bottom}" stroke="{GRID}"/>')
        lines.append(f'<text x="{across:.1f}" y="{bottom + 16}" text-anchor="middle">{k * x.step:g}</text>')
    for k in range(round(y.end / y.step) + 1):
        _, down = at((0, k * y.step))
        lines.append(f'<path d="M{LEFT} {down:.1f}H{right}" stroke="{GRID}"/>')
        lines.append(f'<text x="{LEFT - 6}" y="{down + 4:.1f}" text-anchor="end">{k * y.step:g}</text>')
    middle = TOP + inner_height / 2
    lines.append(f'<text x="{LEFT + inner_width / 2}" y="{bottom + 36}" text-anchor="middle">{escape(x.title)}</text>')
    lines.append(f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{escape(y.title)}</text>')
    for k, curve in enumerate(panel.curves):
        within = [at(point) for point in curve.points if point[0] <= x.end and point[1] <= y.end]
        if curve.labels:
            for point, label in zip(curve.points, curve.labels, strict=True):
                across, down = at(point)
                lines.append(f'<circle cx="{across:.1f}" cy="{down:.1f}" r="{MARKER_RADIUS}" fill="{curve.colour}"/>')
                lines.append(
                    f'<text x="{across + 7:.1f}" y="{down - 5:.1f}" fill="{curve.colour}">{escape(label)}</text>'
                )
        else:
            path = "L".join(f"{across:.1f} {down:.1f}" for across, down in within)
            lines.append(f'<path d="M{path}" fill="none" stroke="{curve.colour}" stroke-width="2"/>')
        name_at = TOP + 14 + 16 * k
        lines.append(
            f'<text x="{right - 6}" y="{name_at}" text-anchor="end" fill="{curve.colour}">{escape(curve.name)}</text>'
        )
    return lines
