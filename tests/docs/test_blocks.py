"""Every block of code in the README and the documentation is run, and prints what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from .blocks import REPOSITORY, Block, Reader, blocks_of, complaints, expect

PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
BLOCKS = {page: blocks_of(page) for page in PAGES}
WITH_BLOCKS = [page for page in PAGES if BLOCKS[page]]
WITH_SLOW_ONES = [page for page in PAGES if any(block.slow for block in BLOCKS[page])]
#: Blocks that are not run, by page. One more has to be a decision: its reason stands in the page.
NOT_RUN: dict[str, int] = {
    "CONTRIBUTING.md": 1,
    "README.md": 2,
    "docs/benchmarks.md": 1,
    "docs/dpu.md": 1,
    "docs/howto-onnx.md": 1,
    "docs/index.md": 2,
    "docs/reports.md": 1,
    "docs/untrusted.md": 1,
}


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


def read(page: Path, folder: Path, *, slow: bool) -> list[Block]:
    """Work through a page; returns what was run."""
    done = []
    with Reader(folder) as reader:
        for block in BLOCKS[page]:
            if "not run" not in block.comments and (slow or not block.slow):
                reader.read(block)
                done.append(block)
    return done


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=name_of)
def test_blocks_do_what_the_page_says(page: Path, tmp_path: Path) -> None:
    read(page, tmp_path, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_SLOW_ONES, ids=name_of)
def test_slow_blocks_do_what_the_page_says(page: Path, tmp_path: Path) -> None:
    assert any(block.slow for block in read(page, tmp_path, slow=True))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    wrong = [text for block in BLOCKS[page] for text in complaints(block)]
    assert not wrong, "\n".join(wrong)
    idle = [block for block in BLOCKS[page] if "not run" in block.comments]
    assert len(idle) == NOT_RUN.get(name_of(page), 0), [block.where for block in idle]


def test_dots_stand_for_anything() -> None:
    expect("a ... c\n...\nz\n", "a b c\n1\n2\nz\n", "here")
    expect("a\n...\nz\n", "a\nz\n", "here")
    with pytest.raises(AssertionError, match="the page says"):
        expect("a ... c\n", "a b d\n", "here")
    with pytest.raises(AssertionError, match="the page says"):
        expect("a\n", "a\nb\n", "here")


def test_a_block_that_fails_is_told(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    fence = "`" * 3
    page.write_text(
        f"<!-- slow -->\n\n{fence}sh\nfalse\n{fence}\n\n{fence}python\n1 / 0\n{fence}\n\n"
        f"{fence}text\nchiploom inspect\n{fence}\n\n{fence}\nx\n{fence}\n\n"
        f"<!-- skipped: no -->\n\n{fence}console\n$ echo b\na\n{fence}\n"
    )
    shell, python, text, plain, console = blocks_of(page, tmp_path)
    assert shell.slow
    assert not python.slow
    assert [len(complaints(b)) for b in (shell, python, text, plain, console)] == [0, 0, 1, 1, 1]
    (tmp_path / "reader").mkdir()
    with Reader(tmp_path / "reader") as reader:
        for block, error in ((shell, "exit code 1"), (python, "ZeroDivision"), (console, "says")):
            with pytest.raises(AssertionError, match=error):
                reader.read(block)
