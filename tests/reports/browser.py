"""A report in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1400,900",
)  # fmt: skip
#: Marks of every kind of figure: bars, points and lines, fields of a heat map.
MARKS = "path.point, .point path, .points path, path.js-line, .heatmaplayer image, .textpoint"


class Page:
    """A report that is open."""

    def __init__(self, driver: Any, path: Path) -> None:
        self.driver = driver
        self.device(1400, 900)
        self.theme("light")
        for log in ("browser", "performance"):
            driver.get_log(log)
        driver.get(path.as_uri())
        self.run(
            """
            while (document.readyState !== "complete") {
              await new Promise((done) => setTimeout(done, 20));
            }
            await ready;
            """
        )

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script, `return` its value; promises are waited for."""
        wrapped = f"""
            const done = arguments[arguments.length - 1];
            (async (...arguments) => {{ {script} }})(...arguments).then(
              (value) => done([value, null]), (error) => done([null, String(error)]));
        """
        value, error = self.driver.execute_async_script(wrapped, *arguments)
        assert error is None, error
        return value

    def device(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def theme(self, name: str) -> None:
        features = [
            {"name": "prefers-color-scheme", "value": name},
            {"name": "prefers-reduced-motion", "value": "reduce"},  # a click hits what holds still
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def draw_all(self) -> dict[str, int]:
        """Draw every figure of the page in view; the number of marks of each."""
        found: dict[str, int] = self.run(
            """
            for (const figures of started) if (!figures.page.hidden) figures.drawAll();
            await new Promise((done) => setTimeout(done, 100));
            const page = pages.find((page) => !page.hidden);
            return Object.fromEntries([...page.querySelectorAll("[data-figure]")].map(
              (place) => [place.dataset.figure, place.querySelectorAll(arguments[0]).length]));
            """,
            MARKS,
        )
        return found

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def faults(self) -> list[str]:
        """What the console complained of, and every request that left the page."""
        found = [entry["message"] for entry in self.driver.get_log("browser")]
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                # `chrome:` is the browser's own first tab, which a page cannot ask for.
                if not url.startswith(("file:", "data:", "blob:", "chrome:")):
                    found.append(url)
        return found
