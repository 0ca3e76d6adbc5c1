"""What README and the pages of the documentation tell a reader to type works, on fewer labels."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mdlcode.experiments.tasks import Experiment, checked, read_config

ROOT = Path(__file__).parent.parent
START = "docs/getting-started.md"
# Runs several commands in one process.
ALL = """
import json, sys
from mdlcode.cli.app import app
for words in json.load(sys.stdin):
    app(words, standalone_mode=False)
"""


def blocks(page: str, language: str) -> list[str]:
    """The contents of a page's fenced blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[list[str]]:
    """The arguments of `mdlcode` in the blocks of a page, those that take examples with fewer of them."""
    lines = [line.partition("#")[0].split() for block in blocks(page, "sh") for line in block.splitlines()]
    return [fewer(words[1:]) for words in lines if words[:1] == ["mdlcode"]]


def fewer(words: list[str]) -> list[str]:
    return [*words, "--limit", "20"] if words[0] in ("compare", "encode", "verify", "audit") else words


def columns(printed: str) -> list[str]:
    """The names of the columns of a table as `compare` prints it, some of them in several lines."""
    lines = [line.split("┃") for line in re.findall(r"^┃(.*)┃$", printed, re.MULTILINE)]
    return [" ".join(" ".join(cells).split()) for cells in zip(*lines, strict=True)]


def run(folder: Path, *arguments: str, given: str = "") -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), *sys.path))}
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        input=given,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{' '.join(arguments)}: {ran.stderr}"
    return ran.stdout


def test_commands_of_readme_run_as_they_are_printed(tmp_path: Path) -> None:
    """Each in a fresh process, one after the other, since some read what those before them wrote."""
    there = commands("README.md")
    assert {words[0] for words in there} == {"compare", "verify", "audit", "encode", "decode"}
    printed = [run(tmp_path, "-m", "mdlcode", *words) for words in there]
    [shown] = blocks("README.md", "text")
    assert columns(shown) == columns(printed[0]), "run README's first command again and paste what it prints"


def test_other_commands_of_the_first_page_run_as_they_are_printed(tmp_path: Path) -> None:
    others = [words for words in commands(START) if words not in commands("README.md")]
    assert {words[0] for words in others} == {"compare", "plot", "report"}
    run(tmp_path, "-c", ALL, given=json.dumps(others))


@pytest.mark.parametrize("page", ["README.md", START, "docs/own-data.md"])
def test_python_of_a_page_runs_as_it_is_printed(page: str, tmp_path: Path) -> None:
    """A block that begins with the name of a file is that file; the others are one program."""
    program = []
    for block in blocks(page, "python"):
        if named := re.match(r"# (\w+\.py)\n", block):
            (tmp_path / named[1]).write_text(block)
        else:
            program.append(block.replace("limit=600", "limit=20"))
    assert program
    run(tmp_path, "-c", "\n".join(program))


def test_config_of_the_first_page_is_read(tmp_path: Path) -> None:
    [block] = blocks(START, "yaml")
    (tmp_path / "mine.yaml").write_text(block)
    assert [name for name, _ in checked(Experiment, read_config(tmp_path / "mine.yaml"), "mine.yaml").codes] == [
        "uniform",
        "small net",
    ]


def test_links_of_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text())
    assert len(links) > 10
    assert [each for each in links if not each.startswith("https://") and not (ROOT / each).is_file()] == []
