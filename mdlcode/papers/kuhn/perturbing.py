"""Figures 2 and 5 of Kuhn et al. 2021: weights set to 0 against the same weights moved as far at random."""

from functools import partial

import torch
from matplotlib.axes import Axes
from torch import Generator, Tensor

from mdlcode.config import to_config
from mdlcode.experiments.pieces import Values
from mdlcode.measures.trained import Trained
from mdlcode.papers import Job
from mdlcode.papers.kuhn.made import models, one_net
from mdlcode.papers.kuhn.settings import grids
from mdlcode.plots.style import COLOURS, drawing

_SPARSITIES = tuple(round(0.05 * index, 2) for index in range(20))
_DRAWS = 5
Losses = dict[str, list[float]]


def fig2(job: Job) -> None:
    """Training and test loss against sparsity, for the widest ResNet18."""
    _draw(job, "fig2", "resnets", _largest(job, "resnets"), "Figure 2 of Kuhn et al. 2021")


def fig5(job: Job) -> None:
    """The same for the widest net of the double descent."""
    _draw(job, "fig5", "descent", _largest(job, "descent"), "Figure 5 of Kuhn et al. 2021 (a CNN there)")


def curves(trained: Trained, test: Trained) -> Losses:
    """Losses at each of `_SPARSITIES` by what is done, and on which data.

    The smallest weights are set to 0, or moved by a random vector on them that is as long; the mean over five draws.
    """
    found: Losses = {f"{what}, {data}": [] for what in ("pruned", "perturbed") for data in ("train", "test")}
    sizes = torch.cat([each.abs().flatten() for each in trained.kernels.values()])
    for sparsity in _SPARSITIES:
        gone = torch.zeros(len(sizes), dtype=torch.bool, device=sizes.device)
        gone[sizes.argsort()[: round(sparsity * len(sizes))]] = True
        for data, net in (("train", trained), ("test", test)):
            found[f"pruned, {data}"].append(float(net.losses(_changed(trained, gone, None)).mean()))
            found[f"perturbed, {data}"].append(float(net.losses(_changed(trained, gone, _DRAWS)).mean()))
    return found


def _changed(trained: Trained, gone: Tensor, draws: int | None) -> dict[str, Tensor]:
    """The kernels (draws, ...) with some weights (P,) at 0, or moved by noise of the same norm."""
    flat = torch.cat([each.flatten() for each in trained.kernels.values()])
    if draws is None:
        changed = (flat * ~gone)[None]
    else:
        noise = torch.randn(draws, len(flat), generator=Generator().manual_seed(0)).to(flat.device) * gone
        length = (flat * gone).norm() / noise.norm(dim=1, keepdim=True).clamp(min=1e-30)
        changed = flat + length * noise
    parts = torch.split(changed, [each.numel() for each in trained.kernels.values()], dim=1)
    kernels = zip(trained.kernels.items(), parts, strict=True)
    return {name: part.view(-1, *each.shape) for (name, each), part in kernels}


def _largest(job: Job, grid: str) -> int:
    """The net of most parameters among those with weights."""
    table = models(job, grid)
    return int(table.columns["model"][int(table.columns["parameters"].argmax())])


def _draw(job: Job, name: str, grid: str, net: int, title: str) -> None:
    nets = grids(job.scale)[grid]
    piece = Values(f"{name}-{grid}", {"grid": to_config(nets.grid), "net": net}, partial(_computed, job, grid, net))
    [found] = job.store.all([piece])
    with drawing(columns=2, width=4.2, height=3.2) as (figure, axes):
        for each, data in zip(axes, ("train", "test"), strict=True):
            _panel(each, found, data)
    setting = nets.grid.settings[net]
    caption = (
        f"{title}: loss when the smallest weights are set to 0, and when these are moved by a random vector of the same"
        f" norm (mean of {_DRAWS}). In the paper pruning hurts the training loss more; at moderate sparsity it hurts"
        f" the test loss less. Here a net of width {setting.width} and depth {setting.depth} of {nets.about}."
    )
    job.store.figure(name, figure, caption)


def _computed(job: Job, grid: str, net: int) -> Losses:
    trained, test = one_net(job, grid, net)
    return curves(trained, test)


def _panel(axes: Axes, found: Losses, data: str) -> None:
    for what, colour, marker in zip(("pruned", "perturbed"), COLOURS, ("o", "s"), strict=False):
        axes.plot(_SPARSITIES, found[f"{what}, {data}"], label=what, color=colour, marker=marker)
    axes.set(xlabel="share of weights changed", ylabel=f"{data} cross-entropy (nats)", yscale="log")
    axes.legend()
