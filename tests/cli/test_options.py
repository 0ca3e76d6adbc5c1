"""Options and configs: the same names, the config alone reproduces a result, and what overrides it is said."""

import ast
import dataclasses
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mdlcode as library
from conftest import Run
from mdlcode.cli import bound, compare, dimension, nets, options, plan
from mdlcode.cli.app import app
from mdlcode.errors import MdlError
from mdlcode.experiments import tasks
from mdlcode.experiments.grid import read_grid

ROOT = next(each for each in Path(__file__).parents if (each / "pyproject.toml").is_file())
FREQUENCIES = "{name: few, kind: prequential, learners: [{kind: frequencies}]}"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "c.yaml").write_text(f"data: digits\nseed: 0\nlimit: 60\ncodes:\n  - uniform\n  - {FREQUENCIES}\n")
    return tmp_path / "c.yaml"


@pytest.mark.parametrize(
    ("typed", "task"),
    [
        (options.View, tasks.Task),
        (compare.Codes, tasks.Comparison),
        (plan.Planned, tasks.Planning),
        (nets.Net, tasks.Compression),
        (bound.Bounded, tasks.Bounding),
        (dimension.Search, tasks.Dimension),
    ],
)
def test_every_option_stands_in_a_config_and_every_key_is_an_option(typed: type, task: type) -> None:
    names, keys = ({each.name for each in dataclasses.fields(kind)} for kind in (typed, task))
    assert names - {"config"} <= keys
    # How the codes were chosen is a fact of a config; only what makes bounds pays for it.
    # A readout is a mapping, which nobody types.
    assert keys - names <= {"chosen_on", "candidates", "readout"}


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_is_one_of_its_command(path: Path) -> None:
    if path.stem.startswith("grid-"):
        assert len(read_grid(path)[0].settings) > 1
        return
    kind = {"bound": tasks.Bounding, "dimension": tasks.Dimension}.get(path.stem.split("-")[0], tasks.Comparison)
    tasks.checked(kind, tasks.read_config(path), path)


def test_what_overrides_a_config_is_said(mdlcode: Run, config: Path) -> None:
    ran = mdlcode("compare", "digits", "--config", config, "--seed", 3, "--limit", 60, "--codes", "few")
    assert ran.returncode == 0, ran.stderr
    assert "│ uniform" not in ran.stdout
    assert [line for line in ran.stderr.splitlines() if line.strip()] == [f"--seed 3 overrides seed: 0 of {config}"]
    other = mdlcode("audit", "digits", "--config", config, "--code", "uniform", "--shuffle-pixels")
    assert "overrides" not in other.stderr  # the code is one of the config, and it says nothing of pixels
    preset = mdlcode("audit", "digits", "--config", config, "--code", "readout", "--limit", 10, "--device", "tpu")
    assert f"readout overrides the codes of {config}" in preset.stderr
    assert f"--limit 10 overrides limit: 60 of {config}" in preset.stderr


def test_keys_that_mean_nothing_to_the_command_are_refused(config: Path) -> None:
    config.write_text(config.read_text() + "delta: 0.1\n")
    for command in (["compare"], ["encode", "-o", "m"], ["dimension"]):
        ran = CliRunner().invoke(app, [command[0], "digits", "--config", str(config), *command[1:]])
        assert isinstance(ran.exception, MdlError)
        assert str(ran.exception).startswith(f"{config}: '")
        assert "means nothing to this command" in str(ran.exception)


def test_a_config_alone_gives_the_bound_of_the_same_options(tmp_path: Path) -> None:
    learner = "{kind: bayes, start: {kind: fresh, arch: linear}, training: {min_steps: 5, max_steps: 5}}"
    code = f"codes:\n  - {{kind: variational, learner: {learner}}}\n"
    short, whole = tmp_path / "short.yaml", tmp_path / "whole.yaml"
    short.write_text(code)
    whole.write_text(
        code + "limit: 100\nmean: 0.25\nstd: [0.5]\ndelta: 0.035\nmc_draws: 300\ncandidates: 4\nthreads: 1\nworkers: 1"
    )
    typed = "--limit 100 --mean 0.25 --std 0.5 --delta 0.035 --mc-draws 300 --candidates 4 --threads 1 --workers 1"
    made = []
    for name, given in ((short, typed.split()), (whole, [])):
        out = name.with_suffix(".json")
        app(["bound", "digits", "--config", str(name), "-o", str(out), *given], standalone_mode=False)
        made.append(json.loads(out.read_text()))
    assert made[0] == made[1]
    assert made[0]["delta"] + made[0]["mc_delta"] == pytest.approx(0.035)
    assert made[0]["evaluated"] == 300
    assert made[0]["bits_by_part"]["choice"] == 2
    assert "input moments" not in made[0]["bits_by_part"]


def test_given_moments_are_those_of_the_message(mdlcode: Run) -> None:
    ran = mdlcode(
        "verify", "digits", "--code", "prequential", "--limit", 30, "--arch", "mlp", "--mean", 0.5, "--std", 1
    )
    assert ran.returncode == 0, ran.stderr
    assert "labels identical: proved" in ran.stdout
    own = mdlcode("verify", "digits", "--code", "prequential", "--limit", 30, "--arch", "mlp")
    assert own.stdout.splitlines()[-2] != ran.stdout.splitlines()[-2]  # the bits


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("compare digits --limit 9999", "--limit 9999 is more than"),
        ("compare digits --mean 0.5", "--mean and --std go together"),
        ("compare digits --mean 0.5,0.5 --std 1", "--mean has 2 numbers for 1 channels"),
        ("bound digits --code uniform", "on the rest with --prior 0.5"),
        ("verify digits", "name it with --code"),
        ("dimension digits --accuracy-on test", "--accuracy-on train"),
    ],
)
def test_the_command_names_options_where_the_library_names_arguments(arguments: str, line: str, mdlcode: Run) -> None:
    ran = mdlcode(*arguments.split())
    assert ran.returncode == 2
    assert line in ran.stderr


def test_errors_of_the_library_name_no_options() -> None:
    house = Path(library.__file__).parent
    named = [
        f"{path.relative_to(house)}: {text.value}"
        for path in house.rglob("*.py")
        if "cli" not in path.relative_to(house).parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Raise)
        for text in ast.walk(node)
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and "--" in text.value
    ]
    assert not named
