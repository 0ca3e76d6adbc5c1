"""Nets that train on behind a mask or a codebook, for any torch module.

Each wraps a net in place: `write` fills the net's parameters from what is trained, `backward` takes the
gradients that a loss left in them to where they belong. So a step is
`loss(net).backward(); wrapped.backward(); optimizer.step(); wrapped.write()`.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from mdlcode.errors import MdlError
from mdlcode.learn.squeeze.compress import gradual_density, kmeans_levels, nearest, surgery_mask, threshold
from mdlcode.learn.squeeze.flat import trained

Method = Literal["one-shot", "gradual", "surgery"]


class MaskedNet:
    """A net that computes with mask * weights; the weights behind the mask are kept, and may come back.

    `densities` gives the share of each parameter that stays in the end. "one-shot" cuts the smallest weights
    at once and for good (Han et al. 2015). "gradual" cuts more and more of them by `gradual_density` (Zhu &
    Gupta 2017). "surgery" does so with splicing: cut weights train on, and those that grow come back (Dynamic
    Network Surgery, Guo et al. 2016), with hysteresis from 1 to 1.1 times the threshold (Zhou et al. 2019).

    >>> net = nn.Linear(4, 1, bias=False)
    >>> _ = net.weight.data.copy_(torch.tensor([[1.0, -3.0, 2.0, 0.5]]))
    >>> masked = MaskedNet(net, {"weight": 0.5}, "one-shot", steps=1)
    >>> net.weight.tolist()
    [[0.0, -3.0, 2.0, 0.0]]
    """

    def __init__(self, net: nn.Module, densities: Mapping[str, float], method: Method, steps: int) -> None:
        """The last density is reached after `steps` steps. Raises MdlError for a name that the net has not."""
        self._parameters = {name: each for name, each in net.named_parameters() if each.requires_grad}
        for name in densities:
            if name not in self._parameters:
                raise MdlError(f"the net has no parameter '{name}' to prune: it has {', '.join(self._parameters)}")
        self._densities, self._method, self._steps = dict(densities), method, steps
        self.weights = {name: nn.Parameter(each.detach().clone()) for name, each in self._parameters.items()}
        self.masks = {name: torch.ones_like(self.weights[name], dtype=torch.bool) for name in densities}
        self.cut(0)

    @property
    def moving(self) -> list[Tensor]:
        """All that changes along a training besides the net itself."""
        return [*self.weights.values(), *self.masks.values()]

    @torch.no_grad()
    def cut(self, step: int) -> None:
        """Brings the masks to where they belong at this step."""
        for name, final in self._densities.items():
            weights, mask = self.weights[name], self.masks[name]
            if self._method == "surgery":
                limit = threshold(weights, gradual_density(step, self._steps, final))
                mask.copy_(surgery_mask(mask, weights, limit, prune=1.0))
            else:
                density = final if self._method == "one-shot" else gradual_density(step, self._steps, final)
                mask &= weights.abs() >= threshold(weights * mask, density)
        self.write()

    @torch.no_grad()
    def write(self) -> None:
        """The net's parameters become the masked weights."""
        for name, parameter in self._parameters.items():
            mask = self.masks.get(name)
            parameter.copy_(self.weights[name] if mask is None else self.weights[name] * mask)

    @torch.no_grad()
    def backward(self) -> None:
        """Weights get the gradients of the net's parameters; cut ones only where they may come back."""
        for name, parameter in self._parameters.items():
            gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            keep = name not in self.masks or self._method == "surgery"
            self.weights[name].grad = gradient.clone() if keep else gradient * self.masks[name]
            parameter.grad = None


class CodebookNet:
    """A net whose parameters take `levels` values each, found by k-means and then trained; zero stays zero.

    Which weight takes which value is fixed. A value's gradient is the sum of those of its weights (Han et al.
    2016, section 3.3); all exact zeros of the net are kept.
    """

    def __init__(self, net: nn.Module, levels: int) -> None:
        self._parameters = trained(net)
        self.centres: list[nn.Parameter] = []
        self._assigned: list[Tensor] = []
        self._is_zero: list[Tensor] = []
        for parameter in self._parameters:
            values = parameter.detach().double().cpu().numpy().reshape(-1)
            found = kmeans_levels(values, levels)
            assigned = torch.from_numpy(nearest(values, found)).to(parameter.device)
            zero = int((found == 0).argmax())
            assigned[parameter.detach().reshape(-1) == 0] = zero  # pruned stays pruned
            centres = torch.from_numpy(found).to(parameter)
            self.centres.append(nn.Parameter(centres))
            self._assigned.append(assigned)
            self._is_zero.append(centres == 0)
        self.write()

    @torch.no_grad()
    def write(self) -> None:
        """The net's parameters become the values that they are assigned to."""
        for parameter, centres, assigned in zip(self._parameters, self.centres, self._assigned, strict=True):
            parameter.copy_(centres[assigned].view_as(parameter))

    @torch.no_grad()
    def backward(self) -> None:
        """Each value gets the summed gradient of its weights, zero none."""
        each = zip(self._parameters, self.centres, self._assigned, self._is_zero, strict=True)
        for parameter, centres, assigned, is_zero in each:
            gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            sums = torch.zeros_like(centres).index_add_(0, assigned, gradient.reshape(-1))
            centres.grad = sums.masked_fill(is_zero, 0.0)
            parameter.grad = None
