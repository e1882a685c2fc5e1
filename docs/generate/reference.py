"""Pages of reference that are made of the code: `python docs/generate/reference.py` writes them.

They are files, so that links to them work wherever the repository is read; a test holds them to the
code, and `pytest --update-golden` writes them as well.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import commands
import keys

FOLDER = Path(__file__).resolve().parents[1]
PAGES = {
    "commands.md": commands.page,
    "spec-keys.md": keys.spec_page,
    "study-keys.md": keys.study_page,
}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
