"""The grids that all tables and figures are made from: trained and measured once, then read back."""

from dataclasses import replace

import torch

from mdlcode.data.base import Data
from mdlcode.data.standardise import Given
from mdlcode.experiments.grid import run_grid
from mdlcode.experiments.grid_folder import GridFolder
from mdlcode.experiments.grid_measures import net_of
from mdlcode.measures.base import chosen
from mdlcode.measures.generalization import MEASURES
from mdlcode.measures.trained import Trained
from mdlcode.papers import Job
from mdlcode.papers.kuhn.settings import Nets, grids
from mdlcode.ranking import Models, read_models


def models(job: Job, name: str) -> Models:
    """The table of a grid of the job's scale, its nets made now or read back."""
    nets = grids(job.scale)[name]
    folder = job.store.folder / "grids" / name
    run_grid(nets.grid, _data(job, nets), folder, chosen(MEASURES, nets.measures))
    return read_models(folder)


def one_net(job: Job, name: str, net: int) -> tuple[Trained, Trained]:
    """A net of a grid on its training data, and on its test set."""
    nets = grids(job.scale)[name]
    data, settings = nets.grid.prepared(_data(job, nets)), nets.grid.settings
    trained = net_of(net, settings, data, GridFolder(job.store.folder / "grids" / name))
    own = trained.data
    assert own.test_inputs is not None
    assert own.test_labels is not None
    # The net goes on standardising by its training inputs.
    scale = 255.0 if own.test_inputs.dtype == torch.uint8 else 1.0
    mean, std = (tuple((each.flatten() / scale).tolist()) for each in own.shared.moments)
    on_test = replace(own.shared, inputs=own.test_inputs, standardise=Given(mean, std))
    return trained, Trained(trained.net, Data(own.name, on_test, own.test_labels))


def _data(job: Job, nets: Nets) -> Data:
    return nets.of(job.data(nets.data)())
