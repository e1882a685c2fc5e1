"""The site builds without a warning, is complete, and asks for nothing over the network."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from chiploom.dataflows import schema
from chiploom.search import study_schema

pytest.importorskip("mkdocs", reason="no MkDocs: pip install 'chiploom[docs]'")

REPOSITORY = Path(__file__).resolve().parents[2]
GENERATE = REPOSITORY / "docs" / "generate"
PICTURES = sorted((REPOSITORY / "docs" / "pictures").glob("*.svg"))


def made(name: str) -> ModuleType:
    """A module of docs/generate, which is no package."""
    found = importlib.util.spec_from_file_location(f"docs_{name}", GENERATE / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    if str(GENERATE) not in sys.path:
        sys.path.insert(0, str(GENERATE))  # its modules import one another
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    run = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=REPOSITORY,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


def test_every_page_is_in_the_site(site: Path) -> None:
    pages = {path.stem for path in (REPOSITORY / "docs").glob("*.md")}
    assert pages <= {path.stem for path in site.glob("*.html")}


def test_reading_needs_no_network(site: Path) -> None:
    loaded = re.compile(
        r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*>"
        r"|<link\b[^>]*\brel=[\"']?(?:stylesheet|preload|preconnect|icon)[^>]*//[^>]*>"
    )
    for page in site.glob("*.html"):
        assert not loaded.search(page.read_text()), page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import )[\"']?(?:https?:)?//", style.read_text()), style


def test_search_works_where_the_site_is_opened_from_a_disk(site: Path) -> None:
    browser, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or chromedriver is None:
        pytest.skip("no Chromium with ChromeDriver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1300,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    try:
        driver.get((site / "index.html").as_uri())
        field = driver.find_element(By.CSS_SELECTOR, "input.md-search__input")
        field.click()
        field.send_keys("double-buffered")
        WebDriverWait(driver, 30).until(
            lambda d: "matching" in d.find_element(By.CLASS_NAME, "md-search-result__meta").text
        )
        found = driver.find_elements(By.CSS_SELECTOR, ".md-search-result__link")
        assert any("concepts.html" in str(link.get_attribute("href")) for link in found)
        assert not [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    finally:
        driver.quit()


def test_pictures_are_in_the_page_and_take_its_colours(site: Path) -> None:
    page = (site / "concepts.html").read_text()
    assert page.count('class="picture"') == 3
    assert 'aria-label="A PE array with its memory hierarchy' in page


def test_the_reference_has_every_key(site: Path) -> None:
    for page, home in (("spec-keys", schema), ("study-keys", study_schema)):
        text = (site / f"{page}.html").read_text()
        models = {
            model for model in vars(home).values()
            if isinstance(model, type) and issubclass(model, schema.Strict)
            and model is not schema.Strict and model.__module__ == home.__name__
        }  # fmt: skip
        assert models == set(made("keys").SPEC if home is schema else made("keys").STUDY)
        for model in models:
            for key in model.model_fields:
                assert f"<code>{key}</code>" in text, (model, key)


def test_the_reference_has_every_option_and_every_public_name(site: Path) -> None:
    assert "--latency-bound CYCLES" in (site / "commands.html").read_text()
    text = (site / "python.html").read_text()
    for package in made("python_api").PACKAGES:
        for name in importlib.import_module(package).__all__:
            assert name in text, f"{package}.{name}"
    assert not re.findall(r"<p>(?:Args|Attributes|Raises|Returns):", text)  # sections are lists


def test_a_key_without_a_meaning_is_an_error() -> None:
    keys = made("keys")

    class Unexplained(schema.Strict):
        """A model.

        Attributes:
            one: is explained.
        """

        one: int
        two: int

    with pytest.raises(ValueError, match="Unexplained"):
        keys.keys(Unexplained)


def test_drawings_are_those_of_their_script(committed: Callable[[str, str], None]) -> None:
    pictures = made("pictures").PICTURES
    assert {path.stem for path in PICTURES} == set(pictures)
    for name, draw in pictures.items():
        committed(f"pictures/{name}.svg", draw().svg())


@pytest.mark.parametrize("page", ["commands.md", "spec-keys.md", "study-keys.md"])
def test_pages_of_reference_are_those_of_the_code(
    page: str, committed: Callable[[str, str], None]
) -> None:
    committed(page, made("reference").PAGES[page]())


@pytest.fixture
def committed(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares with a file in docs/, which `--update-golden` writes anew."""

    def compare(name: str, text: str) -> None:
        path = REPOSITORY / "docs" / name
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{name}: see --update-golden"

    return compare
