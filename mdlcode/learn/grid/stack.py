"""Nets of one family and depth as one stack of weights; narrow ones are wide ones with zeros."""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mdlcode.nets.stacked import Stacked, Thinning, stackable

Tensors = dict[str, Tensor]


class Stack:
    """`weights` and `buffers` by name, (nets, ...) each, of nets that differ at most in their widths.

    A narrower net lies in the first rows and columns of the widest one's tensors, zeros around it. They stay zeros:
    what a ReLU passes on of 0 is 0, and so is its slope there, so that no gradient reaches them.
    """

    def __init__(self, nets: Sequence[nn.Module], device: torch.device) -> None:
        """Raises ValueError for nets with other tensors."""
        states = [net.state_dict() for net in nets]
        self.template = _thinned(max(nets, key=_size)).to(device)
        self._as_one = Stacked(self.template) if stackable(self.template) else None
        shapes = {name: value.shape for name, value in self.template.state_dict().items()}
        if any(state.keys() != shapes.keys() for state in states):
            raise ValueError("nets of one stack have the same layers")
        stacked = {name: torch.stack([_padded(state[name], shapes[name]) for state in states]) for name in shapes}
        trained = {name for name, _ in self.template.named_parameters()}
        self.weights = {name: each.to(device).requires_grad_() for name, each in stacked.items() if name in trained}
        self.buffers = {name: each.to(device) for name, each in stacked.items() if name not in trained}
        self._own = [{name: value.shape for name, value in state.items()} for state in states]

    def __len__(self) -> int:
        return len(self._own)

    def logits(self, x: Tensor, keep: Mapping[str, Tensor]) -> Tensor:
        """Logits (nets, m, K) of inputs (nets, m, ...), in the mode of the template, thinned by `keep`."""
        tensors = {**self.weights, **self.buffers, **keep}
        if len(self) == 1:  # convolutions are faster so
            alone: Tensor = functional_call(self.template, {name: each[0] for name, each in tensors.items()}, (x[0],))
            return alone[None]
        if self._as_one is not None:
            named = {f"net.{name}": each for name, each in tensors.items()}
            logits: Tensor = functional_call(self._as_one, named, (x,))
        else:
            logits = torch.vmap(lambda each, inputs: functional_call(self.template, each, (inputs,)))(tensors, x)
        return logits

    def thinned_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """The shape of one example at each place where noise may be given, by the name of its buffer."""
        shapes: dict[str, tuple[int, ...]] = {}
        places = {layer: name for name, layer in self.template.named_modules() if isinstance(layer, Thinning)}
        hooks = [
            layer.register_forward_hook(
                lambda own, _, out: shapes.update({f"{places[own]}.keep": tuple(out.shape[1:])})
            )
            for layer in places
        ]
        mode = self.template.training
        with torch.no_grad():
            self.template.eval()(torch.zeros(2, *input_shape, device=next(iter(self.weights.values())).device))
        for hook in hooks:
            hook.remove()
        self.template.train(mode)
        return shapes

    @property
    def moving(self) -> list[Tensor]:
        """All that a training changes."""
        return [*self.weights.values(), *self.buffers.values()]

    def state(self, index: int) -> Tensors:
        """The state of one net, on the CPU and as narrow as it is."""
        tensors, own = {**self.weights, **self.buffers}, self._own[index]
        return {name: _cut(tensors[name][index].detach().cpu(), own[name]) for name in own}

    def keep(self, kept: Sequence[int]) -> None:
        """Goes on with some of the nets."""
        rows = torch.tensor(kept, device=next(iter(self.weights.values())).device)
        self.weights = {name: each.detach()[rows].requires_grad_() for name, each in self.weights.items()}
        self.buffers = {name: each[rows] for name, each in self.buffers.items()}
        self._own = [self._own[index] for index in kept]


def _size(net: nn.Module) -> int:
    return sum(each.numel() for each in net.parameters())


def _thinned(net: nn.Module) -> nn.Module:
    """A copy with `Thinning` in place of each dropout."""
    copied = copy.deepcopy(net)
    for parent in list(copied.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Dropout):
                setattr(parent, name, Thinning())
    return copied.train()


def _padded(value: Tensor, shape: torch.Size) -> Tensor:
    if value.shape == shape:
        return value.clone()
    wide = torch.zeros(shape, dtype=value.dtype)
    wide[tuple(slice(size) for size in value.shape)] = value
    return wide


def _cut(value: Tensor, shape: torch.Size) -> Tensor:
    return value[tuple(slice(size) for size in shape)].clone()
