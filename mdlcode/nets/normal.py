"""A user's module in the one form that all codes take, or a clear refusal before any training."""

import math
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from mdlcode.errors import MdlError
from mdlcode.nets.composed import composed
from mdlcode.nets.held import held_tensors, is_trained
from mdlcode.nets.outputs import Logits, is_plain, logits_of
from mdlcode.nets.undeclared import require_declared

Memory = list[tuple[str, Tensor]]


def normal_form(net: nn.Module, zeros: Tensor, row: tuple[int, ...]) -> nn.Module:
    """A net of the same function that gives logits (m, *row) and that can be copied and sent, from a user's own.

    `zeros` are two inputs, `row` is (K,), or (T, K) where tokens have labels. What is trained are plain float32
    parameters: weight norm, spectral norm, pruning masks and other types stand beside the net (`composed`), outputs are
    brought to logits (`Logits`), two parameters in one memory are one. The net given is changed. Raises MdlError for
    outputs that are no logits, memory that is shared in part, lazy layers that no input reaches, state that no code
    sends, and a net that can't be trained.
    """
    with torch.no_grad():
        net.eval()(zeros)  # gives lazy layers their sizes
    for name, value in (*net.named_parameters(), *net.named_buffers()):
        if is_lazy(value):
            raise MdlError(f"'{name}' has no size yet: it is lazy, and no input reaches it")
    _require_no_extra_state(net)
    net = composed(net)
    _unite(net)
    require_declared(net)
    return _with_logits(net, zeros, row)


def _require_no_extra_state(net: nn.Module) -> None:
    for name, module in net.named_modules():
        if type(module).get_extra_state is not nn.Module.get_extra_state:
            raise MdlError(f"'{name or type(module).__name__}' keeps state by get_extra_state, which no code sends")


def _with_logits(net: nn.Module, zeros: Tensor, row: tuple[int, ...]) -> nn.Module:
    """The net, wrapped where its outputs in either mode, for two inputs or one, are other than logits."""
    twice, plain = False, True
    tried = _copy(net)
    for training in (False, True):
        tried.train(training)
        for inputs in (zeros, zeros[:1]):
            with torch.set_grad_enabled(training):
                try:
                    output = tried(inputs)
                except (TypeError, ValueError, RuntimeError, IndexError) as error:
                    if len(inputs) > 1:
                        mode = "training" if training else "evaluation"
                        raise MdlError(f"in {mode} mode: {_line(error)}") from None
                    twice = True  # batch norm has no variance of one value
                    continue
            logits = logits_of(output, len(inputs), row)
            plain = plain and is_plain(output, len(inputs), row)
    before, after = ({name: _form(value) for name, value in held_tensors(each).items()} for each in (net, tried))
    if changed := [name for name, form in before.items() if after.get(name) != form]:
        raise MdlError(f"'{changed[0]}' changes its shape or type as the net is trained")
    if any(map(is_trained, net.parameters())) and not logits.requires_grad:
        raise MdlError("no gradient leads from its outputs to its parameters: does it detach them?")
    return net if plain and not twice else Logits(net, row, twice)


def _copy(net: nn.Module) -> nn.Module:
    try:
        return deepcopy(net)
    except Exception as error:  # whatever a user's own class raises
        raise MdlError(f"it can't be copied: {_line(error)}") from None


def _unite(net: nn.Module) -> None:
    """One parameter where several fill the same memory, and no memory that a tensor shares with itself.

    Raises MdlError where tensors share memory in part, or a buffer shares it with another tensor: an optimizer
    would change one with the other, and no copy of the net would.
    """
    for memory in _memories(net):
        kept: dict[Any, tuple[str, Tensor]] = {}
        for name, value in memory:
            first = kept.setdefault((value.data_ptr(), value.shape, value.stride(), value.dtype), (name, value))
            if not (isinstance(value, nn.Parameter) and isinstance(first[1], nn.Parameter)):
                kept[name] = first if value is first[1] else (name, value)  # a buffer stays apart
            _replace(net, value, first[1])
        for (name, one), (other, two) in pairwise(sorted(kept.values(), key=lambda each: _span(each[1]))):
            if one is not two and _span(two)[0] < _span(one)[1]:
                raise MdlError(f"'{other}' is a view of '{name}': compute it in `forward`, from one parameter")
    for name, module in net.named_modules():
        for key, held in (*module._parameters.items(), *module._buffers.items()):
            if held is not None and _repeats(held):
                if isinstance(held, nn.Parameter):
                    raise MdlError(f"'{f'{name}.{key}'.lstrip('.')}' is expanded from fewer numbers: clone it")
                module._buffers[key] = held.clone(memory_format=torch.contiguous_format)


def _replace(net: nn.Module, value: Tensor, kept: Tensor) -> None:
    if value is not kept and isinstance(value, nn.Parameter) and isinstance(kept, nn.Parameter):
        for module in net.modules():
            for key, held in module._parameters.items():
                if held is value:
                    module._parameters[key] = kept


def _memories(net: nn.Module) -> Iterator[Memory]:
    """The different tensors of each storage that holds several."""
    storages: defaultdict[int, Memory] = defaultdict(list)
    for name, value in (*net.named_parameters(), *net.named_buffers()):
        if value.numel():
            storages[value.untyped_storage().data_ptr()].append((name, value))
    return (memory for memory in storages.values() if len(memory) > 1)


def _span(value: Tensor) -> tuple[int, int]:
    start = value.data_ptr()
    reach = sum((size - 1) * stride for size, stride in zip(value.shape, value.stride(), strict=True))
    return start, start + (reach + 1) * value.element_size()


def _repeats(value: Tensor) -> bool:
    return math.prod(value.shape) > 1 and any(
        size > 1 and stride == 0 for size, stride in zip(value.shape, value.stride(), strict=True)
    )


def _form(value: Tensor) -> Any:
    return value.shape, value.dtype


def _line(error: Any) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
