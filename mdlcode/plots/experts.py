"""The weights of the experts of a prequential code along the labels."""

from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mdlcode.errors import MdlError
from mdlcode.experiments.stored import Stored
from mdlcode.plots.style import COLOURS, log_ticks
from mdlcode.typing import Config

_POINTS = 300
_HATCHES = ("", "//", "..", "xx")  # told apart by colour first, by hatch from the ninth expert on


def expert_weights(axes: Axes, run: Stored) -> Axes:
    """Draws the experts' weights as a stack that fills 0 .. 1, against the labels seen.

    Raises MdlError for a run without experts to switch between.
    """
    weights = run.expert_weights
    if weights.shape[1] < 2:
        raise MdlError(f"'{run.name}' has no experts to switch between: plot a code with several learners")
    seen = np.unique(np.geomspace(1, len(weights), _POINTS).round().astype(np.int64))
    count = weights.shape[1]
    colours = [colour for colour, _ in zip(cycle(COLOURS), range(count), strict=False)]
    patches = axes.stackplot(seen, weights[seen - 1].T, colors=colours, labels=expert_names(run.result.config, count))
    for index, patch in enumerate(patches):
        patch.set_hatch(_HATCHES[index // len(COLOURS) % len(_HATCHES)])
    axes.set(xscale="log", xlabel="labels seen", ylabel="weight of the expert", xlim=(1, len(weights)), ylim=(0, 1))
    log_ticks(axes.xaxis)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return axes


def expert_names(config: Config, count: int) -> list[str]:
    """Names of a prequential code's experts, in the order of their weights; numbers where the config does not say.

    >>> net = {"kind": "checkpointed", "member": {"kind": "net", "arch": "mlp"}, "checkpoints": [0.5]}
    >>> expert_names({"learners": [net, {"kind": "uniform"}]}, 3)
    ['mlp at 50 %', 'mlp', 'uniform']
    """
    names = [name for learner in config.get("learners", ()) for name in _names(learner)]
    return names if len(names) == count else [f"expert {index + 1}" for index in range(count)]


def _names(learner: dict[str, Any]) -> list[str]:
    named = learner["member"] if learner["kind"] == "checkpointed" else learner
    own = str(named.get("arch") or named.get("estimator") or named["kind"]).rpartition(":")[2]
    return [*(f"{own} at {100 * share:g} %" for share in learner.get("checkpoints", ())), own]
