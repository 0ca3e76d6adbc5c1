"""Frozen features as inputs: what a probe reads."""

import torch
from torch import nn

from mdlcode.data.base import Data, Shared
from mdlcode.errors import MdlError
from mdlcode.nets import takes_tokens

_BATCH = 1000


@torch.no_grad()
def featurized(data: Data, module: nn.Module) -> Data:
    """The data set with the module's outputs (n, features) in place of its inputs.

    The module runs in evaluation mode on float32 inputs as they are stored; it is given to both sides, so
    it must not have seen these labels. Probe it with `preset("readout")`. Raises MdlError for outputs
    that are not one finite vector for each input.

    >>> from mdlcode.data import load
    >>> featurized(load("digits"), nn.Flatten()).shared.shape
    (64,)
    """
    was_training = module.training
    module.eval()

    def outputs(inputs: torch.Tensor) -> torch.Tensor:
        tokens = takes_tokens(module)
        batches = [module(batch.long() if tokens else batch.float()).float() for batch in torch.split(inputs, _BATCH)]
        return torch.cat(batches).flatten(1).contiguous()

    try:
        shared = Shared(outputs(data.shared.inputs), data.shared.num_classes, data.shared.class_names)
        test = None if data.test_inputs is None else outputs(data.test_inputs)
    except RuntimeError as error:
        raise MdlError(f"the module does not take inputs of shape {data.shared.shape}: {error}") from None
    finally:
        module.train(was_training)
    return Data(f"features of {data.name}", shared, data.labels, test, data.test_labels, data.order_seed)
