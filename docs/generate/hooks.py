"""What MkDocs asks for while it builds the site: files from elsewhere, and Python's reference.

Pages that live outside docs/ are shown beside the others, links to them are turned, and pictures
are put into the page, where they take the colours of the reader's theme. The list of public names
is made here at every build; the other pages of reference are files (`reference.py`).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))
import python_api

REPOSITORY = Path(__file__).resolve().parents[2]

#: Pages that live elsewhere, by the name that they have in the site.
ELSEWHERE = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "tables.md": "search/data/README.md",
}
#: Pages that are made.
MADE = {"python.md": python_api.page}
_PICTURE = re.compile(r'(?:<p>)?<img alt="([^"]*)" src="(pictures/[\w-]+\.svg)" ?/?>(?:</p>)?')
_LINK = re.compile(r"\]\(([^)#:\s]+\.md)(#[\w-]+)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made and those that live elsewhere."""
    for name, origin in ELSEWHERE.items():
        text = (REPOSITORY / origin).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=_turned(text, REPOSITORY / origin)))
    for name, page in MADE.items():
        files.append(File.generated(config, name, content=page()))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn links to pages that live elsewhere."""
    return _turned(markdown, REPOSITORY / "docs" / page.file.src_uri)


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """Put pictures into the page."""

    def inline(match: re.Match[str]) -> str:
        picture = (REPOSITORY / "docs" / match[2]).read_text(encoding="utf-8")
        picture = picture[picture.index("<svg") :]
        labelled = picture.replace("<svg ", f'<svg role="img" aria-label="{match[1]}" ', 1)
        return f'<div class="drawing">{labelled}</div>'

    return _PICTURE.sub(inline, html)


def on_post_page(output: str, **_: Any) -> str:
    """Put our own script where the theme asks the network for one (plugin `offline`)."""
    return output.replace("https://unpkg.com/iframe-worker/shim", "offline-search.js")


def on_post_template(output: str, **_: Any) -> str:
    """The same in pages that are no page of ours: 404."""
    return on_post_page(output)


def _turned(markdown: str, origin: Path) -> str:
    """Links as of a file of the repository to those of a page of the site."""
    names = {(REPOSITORY / path).resolve(): name for name, path in ELSEWHERE.items()}

    def turn(match: re.Match[str]) -> str:
        target = (origin.parent / match[1]).resolve()
        inside = REPOSITORY / "docs"
        name = names.get(target)
        if name is None and target.is_relative_to(inside):
            name = target.relative_to(inside).as_posix()
        return f"]({name or match[1]}{match[2] or ''})"

    return _LINK.sub(turn, markdown)
