"""The drawings of the documentation: `python docs/generate/pictures.py` writes docs/pictures/.

They are SVG by hand, light or dark as the reader's system is; in the site they take the colours of
the theme (docs/style.css sets the same variables). No picture needs a font or another file.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "pictures"

LIGHT = {
    "ink": "#1f2933", "soft": "#5b6672", "line": "#9aa5b1", "paper": "#ffffff", "box": "#eef1f4",
    "w": "#0f8a7e", "i": "#2f6fdb", "o": "#c26a05", "mark": "#b83280",
}  # fmt: skip
DARK = {
    "ink": "#e4e7eb", "soft": "#a3adb8", "line": "#6b7683", "paper": "#1e2129", "box": "#2c313b",
    "w": "#3cc4b4", "i": "#79a8ff", "o": "#f0a44b", "mark": "#f27abf",
}  # fmt: skip


class Drawing:
    """Shapes in the order in which they are drawn.

    Args:
        width, height: of the view box.
        title: what is on it, for those who cannot see it.
    """

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self.parts: list[str] = []

    def box(
        self, x: float, y: float, width: float, height: float, kind: str = "box", text: str = "",
        *, size: int = 13, below: str = "", dashed: bool = False, faint: bool = False,
    ) -> None:  # fmt: skip
        """A rectangle with a text in its middle, and a second line in a softer colour."""
        look = f"{kind} faint" if faint else kind
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        self.parts.append(
            f'<rect class="{look}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" '
            f'rx="4"{dash}/>'
        )
        middle = y + height / 2 + size * 0.35 - (8 if below else 0)
        if text:
            self.text(x + width / 2, middle, text, anchor="middle", size=size)
        if below:
            self.text(x + width / 2, middle + 16, below, "soft", anchor="middle", size=11)

    def text(
        self, x: float, y: float, text: str, kind: str = "ink", *, anchor: str = "start",
        size: int = 13, bold: bool = False, code: bool = False,
    ) -> None:  # fmt: skip
        """A line of text; `code` keeps its spaces."""
        text = text.replace("&", "&amp;").replace("<", "&lt;")
        more = ' font-weight="600"' if bold else ""
        more += ' font-family="ui-monospace, monospace" xml:space="preserve"' if code else ""
        self.parts.append(
            f'<text class="{kind}-text" x="{x:g}" y="{y:g}" font-size="{size}" '
            f'text-anchor="{anchor}"{more}>{text}</text>'
        )

    def arrow(self, *points: tuple[float, float], kind: str = "line", both: bool = False) -> None:
        """A line through points, with a head at its end."""
        path = "M" + " L".join(f"{x:g} {y:g}" for x, y in points)
        start = f' marker-start="url(#{kind}-head)"' if both else ""
        self.parts.append(
            f'<path class="{kind}-path" d="{path}" marker-end="url(#{kind}-head)"{start}/>'
        )

    def line(self, *points: tuple[float, float], dashed: bool = False) -> None:
        """A line through points."""
        path = "M" + " L".join(f"{x:g} {y:g}" for x, y in points)
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        self.parts.append(f'<path class="line-path" d="{path}"{dash}/>')

    def svg(self) -> str:
        """The file's text."""
        kinds = ("w", "i", "o", "mark")
        rules = [
            ".picture{" + "".join(f"--{name}:{color};" for name, color in LIGHT.items()) + "}",
            "@media(prefers-color-scheme:dark){.picture{"
            + "".join(f"--{name}:{color};" for name, color in DARK.items()) + "}}",
            ".picture .box{fill:var(--box);stroke:var(--line)}",
            ".picture .plain{fill:none;stroke:var(--line)}",
            *(f".picture .{k}{{fill:var(--{k});fill-opacity:.3;stroke:var(--{k})}}" for k in kinds),
            ".picture .faint{fill-opacity:.08;stroke-opacity:.5}",
            *(f".picture .{k}-text{{fill:var(--{k})}}" for k in ("ink", "soft", *kinds)),
            *(f".picture .{k}-path{{fill:none;stroke:var(--{k});stroke-width:1.5}}"
              for k in ("line", *kinds)),
            *(f".picture .{k}-fill{{fill:var(--{k})}}" for k in ("line", *kinds)),
        ]  # fmt: skip
        heads = "".join(
            f'<marker id="{k}-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto-start-reverse">'
            f'<path class="{k}-fill" d="M0 0L8 4L0 8z"/></marker>'
            for k in ("line", *kinds)
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="picture" '
            f'viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}" '
            'font-family="system-ui, sans-serif">\n'
            f"<title>{self.title}</title>\n<style>\n" + "\n".join(rules) + "\n</style>\n"
            f"<defs>{heads}</defs>\n" + "\n".join(self.parts) + "\n</svg>\n"
        )


def array() -> Drawing:
    """A PE array and its memories, from the DRAM inward."""
    d = Drawing(760, 380, "A PE array with its memory hierarchy")
    d.box(10, 60, 84, 220, text="DRAM", below="W I O")
    d.box(150, 60, 110, 220, text="buffer", below="I O, shared: all")
    d.arrow((94, 130), (150, 130), kind="i")
    d.text(122, 122, "I", "i", anchor="middle")
    d.arrow((150, 210), (94, 210), kind="o")
    d.text(122, 202, "O", "o", anchor="middle")
    for row in range(4):
        y = 50 + row * 62
        d.arrow((260, y + 26), (306, y + 26), kind="i")
        d.arrow((360, y + 26), (576, y + 26), kind="i")
        d.box(308, y + 6, 52, 40, text="I", kind="i", size=12)
        for column in range(4):
            d.box(378 + column * 66, y, 58, 52, text="PE", size=12)
    for column in range(4):
        x = 378 + column * 66
        d.arrow((x + 14, 298), (x + 14, 318), kind="o")
    d.box(378, 320, 256, 28, kind="o", text="O, one per column: shared: [row]", size=12)
    d.arrow((378, 334), (205, 334), (205, 282), kind="o")
    d.arrow((52, 60), (52, 22), (676, 22), (676, 62), kind="w")
    d.text(360, 16, "W, from the DRAM to the PEs: no level between serves it", "w", anchor="middle",
           size=12)  # fmt: skip
    d.box(650, 64, 104, 96, kind="plain", dashed=True)
    d.text(702, 82, "in every PE", "soft", anchor="middle", size=11)
    d.box(660, 90, 84, 28, kind="w", text="W register", size=12)
    d.box(660, 124, 84, 28, text="multiply, add", size=11)
    d.line((634, 100), (650, 112), dashed=True)
    d.text(334, 300, "one per row", "soft", anchor="middle", size=11)
    d.text(334, 314, "shared: [column]", "soft", anchor="middle", size=11)
    d.text(750, 374, "An operand's levels are the memories that serve it, from the PE outward to "
           "the DRAM.", "soft", anchor="end", size=12)  # fmt: skip
    return d


def mapping() -> Drawing:
    """A loop nest, its mapping, and what lies where at one moment."""
    d = Drawing(760, 420, "A loop nest becomes loops in time and loops in space, with tiles")
    d.text(10, 24, "The nest", bold=True)
    for n, line in enumerate(
        ("for k in 8:", "  for c in 4:", "    for ox in 6:", "      O[k, ox] += W[k, c] · I[c, ox]")
    ):
        d.text(10, 52 + 20 * n, line, code=True, size=12)
    d.text(10, 160, "Its mapping", bold=True)
    steps = (
        ("for OX in 3:", "ink"),
        ("  tile of I in the buffer: 4 x 2", "i"),
        ("  for K in 2:", "ink"),
        ("    tile of O in the buffer: 4 x 2", "o"),
        ("    tile of W in the PEs: 4 x 4", "w"),
        ("    for C in 2:", "ink"),
        ("      for OX in 2:", "ink"),
        ("        columns: K4   rows: C2", "mark"),
    )
    for n, (line, kind) in enumerate(steps):
        d.text(10, 188 + 20 * n, line, kind, code=True, size=12)
    d.text(10, 366, "24 steps of 8 multiply-accumulates;", "soft", size=12)
    d.text(10, 384, "a tile stays while loops advance on", "soft", size=12)
    d.text(10, 402, "which its operand does not depend.", "soft", size=12)

    d.text(330, 24, "What lies where, at one moment", bold=True)
    planes = (
        ("W", "w", 340, 8, 4, (4, 8), (0, 4), "k", "c"),
        ("I", "i", 450, 4, 6, (0, 4), (2, 4), "c", "ox"),
        ("O", "o", 600, 8, 6, (4, 8), (2, 4), "k", "ox"),
    )
    for name, kind, x, rows, columns, tall, wide, down, across in planes:
        d.text(x + columns * 9, 52, name, kind, bold=True, anchor="middle")
        d.text(x - 8, 74, down, "soft", size=11, anchor="end")
        d.text(x + columns * 18 + 4, 62, across, "soft", size=11)
        for row in range(rows):
            for column in range(columns):
                held = tall[0] <= row < tall[1] and wide[0] <= column < wide[1]
                d.box(x + column * 18, 62 + row * 18, 16, 16, kind=kind, faint=not held)
    d.text(450, 180, "strong: in the tile", "soft", size=11)
    d.text(450, 196, "faint: in the DRAM", "soft", size=11)
    d.text(330, 246, "The array in one step: ox = 2, c = 0 and 1, k = 4 to 7", size=13)
    for row in range(2):
        d.box(334, 266 + row * 56, 58, 44, kind="i", text=f"I[{row}, 2]", size=12)
        d.arrow((392, 288 + row * 56), (420, 288 + row * 56), kind="i")
        for column in range(4):
            d.box(422 + column * 82, 264 + row * 56, 74, 48, kind="w", size=12,
                  text=f"W[{4 + column}, {row}]")  # fmt: skip
    for column in range(4):
        d.arrow((459 + column * 82, 368), (459 + column * 82, 386), kind="o")
        d.text(459 + column * 82, 402, f"O[{4 + column}, 2]", "o", anchor="middle", size=12)
    return d


def buffering() -> Drawing:
    """Loads, steps and stores in time, with one slot and with two."""
    d = Drawing(
        760, 330, "Double buffering: the next tile comes in while the array works on this one"
    )
    load, work, store = 80, 110, 46

    def lane(y: int, name: str) -> None:
        d.text(92, y + 17, name, "soft", anchor="end", size=12)

    d.text(10, 22, "double: two slots, half the capacity each", bold=True)
    for row, name in enumerate(("loads", "array", "stores")):
        lane(38 + row * 32, name)
    start = 100
    begin = start + load
    for n in range(4):
        at = start if n == 0 else begin + (n - 1) * work
        d.box(at, 38, load, 24, kind="i", text=f"tile {n} → slot {n % 2}", size=11)
        d.box(begin + n * work, 70, work, 24, text=f"steps on tile {n}", size=11)
        d.box(begin + (n + 1) * work, 102, store, 24, kind="o", text=f"out {n}", size=11)
    d.text(740, 22, "the slower one counts, here the array", "soft", anchor="end", size=12)

    d.text(10, 182, "single: one slot, all of the capacity", bold=True)
    d.text(740, 182, "the array waits for every tile", "soft", anchor="end", size=12)
    for row, name in enumerate(("loads", "array", "stores")):
        lane(198 + row * 32, name)
    period = load + work
    for n in range(3):
        at = start + n * period
        d.box(at, 198, load, 24, kind="i", text=f"tile {n}", size=11)
        d.box(at + load, 230, work, 24, text=f"steps on tile {n}", size=11)
        d.box(at + period, 262, store, 24, kind="o", text=f"out {n}", size=11)
    d.arrow((start, 312), (740, 312))
    d.text(740, 304, "time", "soft", anchor="end", size=11)
    return d


def search() -> Drawing:
    """How a co-search goes round."""
    d = Drawing(780, 350, "The co-search loop")
    d.box(20, 130, 130, 64, kind="mark", text="strategy", below="proposes, learns")
    d.box(210, 40, 160, 60, kind="i", text="networks", below="choices of a space")
    d.box(210, 224, 160, 60, kind="w", text="hardware", below="options of each array")
    d.arrow((150, 146), (180, 146), (180, 70), (210, 70))
    d.arrow((150, 178), (180, 178), (180, 254), (210, 254))
    d.box(440, 40, 150, 60, text="accuracy", below="table, predictor, training")
    d.box(440, 132, 150, 60, text="cost of layers", below="catalogue of mappings")
    d.box(440, 224, 150, 60, text="schedule", below="who runs what, when")
    d.arrow((370, 70), (440, 70))
    d.arrow((370, 84), (405, 84), (405, 152), (440, 152))
    d.arrow((370, 254), (405, 254), (405, 174), (440, 174))
    d.arrow((515, 192), (515, 224))
    d.box(630, 132, 128, 60, kind="o", text="specs met?", below="latency, energy, area")
    d.arrow((590, 70), (694, 70), (694, 132))
    d.arrow((590, 254), (694, 254), (694, 192))
    d.arrow((758, 162), (770, 162), (770, 316), (85, 316), (85, 194), kind="mark")
    d.text(350, 334, "told: objectives, and by how much each spec is missed", "mark",
           anchor="middle", size=12)  # fmt: skip
    d.text(694, 272, "what is reported is", "soft", anchor="middle", size=11)
    d.text(694, 288, "mapped anew and", "soft", anchor="middle", size=11)
    d.text(694, 304, "executed first", "soft", anchor="middle", size=11)
    return d


def schedule() -> Drawing:
    """Two networks on two sub-accelerators that share a DRAM."""
    d = Drawing(760, 300, "Layers of two networks on two sub-accelerators")
    d.text(10, 22, "Network A", "i", bold=True)
    d.text(120, 22, "Network B", "w", bold=True)
    d.text(240, 22, "a tensor crosses through the DRAM, or stays for the very next layer", "soft",
           size=12)  # fmt: skip
    lanes = {"array 1": 48, "array 2": 118}
    for name, y in lanes.items():
        d.text(70, y + 26, name, "soft", anchor="end", size=12)
        d.box(80, y, 660, 42, kind="plain", faint=True)
    tasks = (
        ("array 1", 80, 110, "i", "A1"), ("array 1", 190, 120, "i", "A2"),
        ("array 1", 310, 90, "w", "B3"), ("array 1", 470, 150, "i", "A4"),
        ("array 2", 80, 90, "w", "B1"), ("array 2", 170, 140, "w", "B2"),
        ("array 2", 310, 160, "i", "A3"), ("array 2", 470, 130, "w", "B4"),
        ("array 2", 600, 80, "w", "B5"),
    )  # fmt: skip
    for name, x, width, kind, text in tasks:
        d.box(x, lanes[name], width, 42, kind=kind, text=text)
    d.arrow((310, 84), (316, 104), (324, 118), kind="i")
    d.arrow((310, 132), (304, 110), (316, 90), kind="w")
    d.arrow((470, 140), (476, 112), (482, 90), kind="i")
    d.text(190, 104, "A1's tensor stays", "soft", anchor="middle", size=11)
    d.text(70, 216, "DRAM", "soft", anchor="end", size=12)
    heights = ((80, 90, 30), (170, 20, 44), (190, 120, 36), (310, 90, 50), (400, 70, 24),
               (470, 130, 40), (600, 20, 48), (620, 60, 22))  # fmt: skip
    for x, width, height in heights:
        d.box(x, 234 - height, width, height, kind="o")
    d.line((80, 182), (740, 182), dashed=True)
    d.text(740, 178, "its bandwidth", "soft", anchor="end", size=11)
    d.arrow((80, 262), (740, 262))
    d.text(740, 280, "cycles", "soft", anchor="end", size=11)
    d.line((680, 182), (680, 270), dashed=True)
    d.text(676, 280, "makespan", "soft", anchor="end", size=11)
    return d


PICTURES = {f.__name__: f for f in (array, mapping, buffering, search, schedule)}


def main() -> None:
    """Write every picture."""
    FOLDER.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
