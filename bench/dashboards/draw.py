"""Draws what a dashboard shows: each panel's own queries, asked of a Prometheus, as one SVG.

    draw.py DASHBOARD.json PROMETHEUS_URL MINUTES > picture.svg

docs/dashboard.svg and docs/dashboard-detection.svg are made so, of `flowsentry demo --serve` and a Prometheus that scrapes it.

Grafana is not needed, and the picture shows no more than lines, names and last values: it proves that the panels have data,
and of what size.
"""

import json
import math
import sys
import time
import urllib.parse
import urllib.request
from xml.sax.saxutils import escape

COLUMN, LINE = 45, 26  # pixels of a grid unit
LEFT, RIGHT, TOP, BOTTOM = 54, 10, 26, 34
STEPS = 72  # points of a line
COLOURS = ["#2f7ed8", "#d9662b", "#3a9a55", "#9a6fb0", "#b59b00", "#c2477f", "#6b7a8f", "#4aa3a2"]
STYLE = """<style>
  text { fill: #444; font: 11px sans-serif } .title { fill: #111; font-size: 12.5px } .row { fill: #111; font-size: 16px; font-weight: bold }
  .value { font-size: 20px; fill: #111 } .box { fill: none; stroke: #8884 } .grid { stroke: #8885; stroke-width: 0.7 } .line { fill: none; stroke-width: 1.4 }
  @media (prefers-color-scheme: dark) { text { fill: #bbb } .title, .row, .value { fill: #eee } }
</style>"""
UNITS = {"s": " s", "bytes": " B", "pps": " p/s", "cps": "/s", "ops": "/s", "rowsps": "/s"}


def ask(url, path, **parameters):
    """The result of a query of Prometheus' API."""
    with urllib.request.urlopen(f"{url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=30) as answer:
        return json.load(answer)["data"]["result"]


def substituted(expression, minutes):
    """The expression as Grafana would send it, with everything chosen."""
    variables = {"$__rate_interval": "1m", "$__range": f"{minutes}m", "$instance": ".*", "$source": ".*"}
    for name, value in variables.items():
        expression = expression.replace(name, value)
    return expression


def legend(template, labels):
    """A series' name, as the panel wants it."""
    for name, value in labels.items():
        template = template.replace("{{%s}}" % name, value)
    return template


def shown(value, unit):
    """A figure as people write it."""
    if not math.isfinite(value):
        return "+Inf" if value > 0 else "none"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    for bound, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= bound and unit != "s":
            return f"{value / {'G': 1e9, 'M': 1e6, 'k': 1e3}[letter]:.3g} {letter}{UNITS.get(unit, '').strip()}"
    figure = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return figure + UNITS.get(unit, "")


def stat(panel, url, minutes):
    """The one value of a panel."""
    target, defaults = panel["targets"][0], panel["fieldConfig"]["defaults"]
    found = ask(url, "query", query=substituted(target["expr"], minutes))
    if not found:
        return "none"
    if panel["options"]["textMode"] == "name":
        return legend(target["legendFormat"], found[0]["metric"])
    value = float(found[0]["value"][1])
    for mapping in defaults["mappings"]:
        if (mapped := mapping["options"].get(f"{value:g}")) is not None:
            return mapped["text"]
    return shown(round(value) if defaults.get("decimals") == 0 and math.isfinite(value) else value, defaults["unit"])


def series(panel, url, minutes, until):
    """Name and points of each line of a panel."""
    lines = []
    since = until - minutes * 60
    for target in panel["targets"]:
        query = substituted(target["expr"], minutes)
        for found in ask(url, "query_range", query=query, start=since, end=until, step=max(1, minutes * 60 // STEPS)):
            points = [(moment, float(value)) for moment, value in found["values"]]
            points = [(moment, value) for moment, value in points if math.isfinite(value)]
            lines.append((legend(target["legendFormat"], found["metric"]), points))
    return lines


def graph(panel, lines, width, height, span):
    """The lines of a panel in its box."""
    stacked = panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
    if stacked:
        below = {}
        for _, points in lines:
            for index, (moment, value) in enumerate(points):
                below[moment] = value = below.get(moment, 0) + value
                points[index] = (moment, value)
    unit = panel["fieldConfig"]["defaults"]["unit"]
    highest = max((value for _, points in lines for _, value in points), default=0) or 1
    across = lambda moment: LEFT + (moment - span[0]) / (span[1] - span[0]) * (width - LEFT - RIGHT)
    up = lambda value: height - BOTTOM - max(value, 0) / highest * (height - BOTTOM - TOP)
    for part in (0, 0.5, 1):
        y = up(highest * part)
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{width - RIGHT}"/>'
        yield f'<text x="{LEFT - 4}" y="{y + 4:.1f}" text-anchor="end">{shown(highest * part, unit)}</text>'
    x = LEFT
    for index, (name, points) in enumerate(lines):
        colour = COLOURS[index % len(COLOURS)]
        path = " ".join(f"{across(moment):.1f},{up(value):.1f}" for moment, value in points)
        yield f'<polyline class="line" stroke="{colour}" points="{path}"/>'
        if x < width - 60:
            yield f'<text x="{x}" y="{height - 10}" style="fill:{colour}">{escape(name)}</text>'
        x += 14 + 6 * len(name)


def draw(dashboard, url, minutes):
    """The whole page."""
    until = int(time.time())
    span = (until - minutes * 60, until)
    panels = dashboard["panels"]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) * LINE
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {24 * COLUMN} {height}" width="{24 * COLUMN}" height="{height}">'
    yield STYLE
    for panel in panels:
        place = panel["gridPos"]
        w, h = place["w"] * COLUMN - 6, place["h"] * LINE - 6
        yield f'<g transform="translate({place["x"] * COLUMN + 3} {place["y"] * LINE + 3})">'
        if panel["type"] == "row":
            yield f'<text class="row" x="4" y="17">{escape(panel["title"])}</text></g>'
            continue
        yield f'<rect class="box" width="{w}" height="{h}" rx="3"/><text class="title" x="8" y="17">{escape(panel["title"])}</text>'
        if panel["type"] == "stat":
            yield f'<text class="value" x="{w / 2}" y="{h / 2 + 14}" text-anchor="middle">{escape(stat(panel, url, minutes))}</text>'
        else:
            yield from graph(panel, series(panel, url, minutes, until), w, h, span)
        yield "</g>"
    yield "</svg>"


def main():
    path, url, minutes = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        dashboard = json.load(file)
    print("\n".join(draw(dashboard, url, int(minutes))))


if __name__ == "__main__":
    main()
