"""How long the report of a large result takes to write, and until its first figure is drawn.

    python benchmarks/reports.py [--layers N] [--repeats N]

Needs Chromium and ChromeDriver for the second figure. Goals: at most 10 s, 3 s and 7 MiB.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import chiploom
from chiploom.simulator.mapping import Loop
from chiploom.simulator.reader import read_result
from chiploom.simulator.result import Result

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=1400,900",
)  # fmt: skip


def large(layers: int) -> Result:
    """So many layers like those of a ResNet-50, every mapping another one."""
    result = chiploom.simulate(
        chiploom.load_onnx("resnet50"), chiploom.load_spec("eyeriss"), effort="fast"
    )
    made, start = [], 0
    for n in range(layers):
        layer = result.layers[n % len(result.layers)]
        loops = layer.loops and replace(
            layer.loops, temporal=tuple(Loop(o.dim, o.factor + n) for o in layer.loops.temporal)
        )
        before = (made[-1].name,) if made else ()
        name = f"/encoder/stage{n // 200}/block{n // 10}/op{n}/{layer.op}"
        made.append(replace(layer, name=name, start_cycle=start, loops=loops, inputs=before))
        start += layer.cycles
    return replace(result, layers=tuple(made))


def seconds_to_open(report: Path) -> float:
    """From the request for the file to the first mark of a figure, by the browser's own clock."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.get(report.as_uri())
        script = """
            const done = arguments[0];
            const look = () => document.querySelector(".chart .point path, path.point")
              ? done(performance.now() / 1000) : requestAnimationFrame(look);
            look();
        """
        return float(driver.execute_async_script(script))
    finally:
        driver.quit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=4000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, report = Path(folder) / "r.json", Path(folder) / "r.html"
        large(options.layers).write_json(source)
        written, opened = [], []
        for _ in range(options.repeats):
            start = time.perf_counter()
            chiploom.write_report(read_result(source), report)
            written.append(time.perf_counter() - start)
            opened.append(seconds_to_open(report))
        print(f"{options.layers} layers, median of {options.repeats}")
        print(f"read and write   {statistics.median(written):6.2f} s")
        print(f"first figure     {statistics.median(opened):6.2f} s")
        print(f"file             {report.stat().st_size / 2**20:6.2f} MiB")


if __name__ == "__main__":
    main()
