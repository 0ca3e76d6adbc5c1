"""What README and the pages of the documentation tell a reader to type works, on fewer labels."""

import re
import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image

from conftest import Run
from mdlcode.experiments.tasks import Experiment, checked, read_config

ROOT = Path(__file__).parent.parent
START = "docs/getting-started.md"
RECIPES = "docs/notebook-to-bits.md"


def blocks(page: str, language: str) -> list[str]:
    """The contents of a page's fenced blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[list[str]]:
    """The arguments of `mdlcode` in the blocks of a page, those that train with fewer examples and a small net."""
    lines = [line.partition("#")[0].split() for block in blocks(page, "sh") for line in block.splitlines()]
    return [smaller(words[1:]) for words in lines if words[:1] == ["mdlcode"]]


def smaller(words: list[str]) -> list[str]:
    count = "300" if "compressed" in words else "20"  # the shortest message of very few labels has no net to bound
    trains = words[0] in ("compare", "encode", "verify", "audit")
    return [*words, "--limit", count, "--arch", "mlp-small"] if trains else words


def columns(printed: str) -> list[str]:
    """The names of the columns of a table as `compare` prints it, some of them in several lines."""
    lines = [line.split("┃") for line in re.findall(r"^┃(.*)┃$", printed, re.MULTILINE)]
    return [" ".join(" ".join(cells).split()) for cells in zip(*lines, strict=True)]


def test_commands_of_readme_run_as_they_are_printed(
    mdlcode: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, since some read what those before them wrote."""
    monkeypatch.chdir(tmp_path)
    there = commands("README.md")
    assert [words[0] for words in there] == ["compare", "verify", "audit", "encode", "decode", "encode", "bound"]
    ran = [mdlcode(*words) for words in there]
    assert [each.stderr for each in ran if each.returncode] == []
    [shown] = blocks("README.md", "text")
    first = ran[0].stdout.partition("ratio = ")[0]
    assert columns(shown) == columns(first), "run README's first command again and paste what it prints"
    assert "bound on the test error" in ran[-1].stdout or "bounds on the test error" in ran[-1].stdout


def test_other_commands_of_the_first_page_run_as_they_are_printed(
    mdlcode: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    others = [words for words in commands(START) if words not in commands("README.md")]
    assert {words[0] for words in others} == {"compare", "plot", "report"}
    assert [ran.stderr for words in others if (ran := mdlcode(*words)).returncode] == []


@pytest.mark.filterwarnings("default:sorted. the labels come almost sorted")  # the last recipe is about such labels
@pytest.mark.parametrize(
    "page", ["README.md", START, "docs/own-data.md", "docs/own-nets-and-codes.md", RECIPES, "docs/sequences.md"]
)
def test_python_of_a_page_runs_as_it_is_printed(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that begins with the name of a file is that file; the others are one program."""
    for number in range(30):  # what the recipe of an image folder finds
        folder = tmp_path / "images" / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 100 * (number % 2) + number).save(folder / f"{number}.png")
    program = []
    for block in blocks(page, "python"):
        if named := re.match(r"# (\w+\.py)\n", block):
            (tmp_path / named[1]).write_text(block)
        else:
            program.append(block.replace("limit=600", "limit=20"))
    assert program
    (tmp_path / "program_of_the_page.py").write_text("\n".join(program))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    runpy.run_path("program_of_the_page.py", run_name="__main__")
    for name in set(sys.modules) - before:
        if (tmp_path / f"{name}.py").is_file():
            del sys.modules[name]


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
