"""Total bits against a hyperparameter that the runs differ in."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from mdlcode.errors import MdlError
from mdlcode.experiments.stored import Stored
from mdlcode.plots.style import log_ticks

_LOG_SPAN = 20.0  # values further apart than this factor go on a logarithmic axis


def total_bits_over(axes: Axes, runs: Sequence[Stored], name: str | None = None) -> Axes:
    """Draws total bits against the one number that the configs differ in, or the one that `name` ends with.

    Raises MdlError where no number, or more than one, differs.
    """
    key = _key(runs, name)
    points = sorted((float(_flat(run.result.config)[key]), run.result) for run in runs)
    values = [value for value, _ in points]
    axes.plot(values, [result.total_bits for _, result in points], marker="o", label="total")
    if any(result.model_bits for _, result in points):
        axes.plot(values, [result.label_bits for _, result in points], marker="s", label="labels")
        axes.plot(values, [result.model_bits for _, result in points], marker="^", label="model")
    if min(values) > 0 and max(values) / min(values) > _LOG_SPAN:
        axes.set_xscale("log")
        log_ticks(axes.xaxis)
    axes.set(xlabel=key, ylabel="bits")
    axes.legend()
    return axes


def _key(runs: Sequence[Stored], name: str | None) -> str:
    flats = [_flat(run.result.config) for run in runs]
    common = set.intersection(*(set(flat) for flat in flats)) if flats else set()
    differing = sorted(key for key in common if len({flat[key] for flat in flats}) > 1)
    if name is not None:
        differing = [key for key in differing if key == name or key.endswith(f".{name}")]
    if len(differing) != 1:
        wrong = "no number differs" if not differing else f"several differ: {', '.join(differing)}"
        raise MdlError(f"total bits against which setting? {wrong} between these configs: name one with `over`")
    return differing[0]


def _flat(config: Any, path: str = "") -> dict[str, float]:
    """The numbers of a config by their dotted path.

    >>> _flat({"learner": {"epochs": 3, "arch": "mlp"}, "shares": [0.5]})
    {'learner.epochs': 3, 'shares.0': 0.5}
    """
    if isinstance(config, dict):
        config = list(config.items())
    elif isinstance(config, list):
        config = list(enumerate(config))
    else:
        return {path: config} if isinstance(config, int | float) and not isinstance(config, bool) else {}
    return {key: n for name, value in config for key, n in _flat(value, f"{path}.{name}".lstrip(".")).items()}
