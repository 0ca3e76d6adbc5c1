"""`mdlcode bound`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import bounds_table, out, paid_table
from mdlcode.errors import MdlError

if TYPE_CHECKING:
    from mdlcode.certify.certificate import Certificate
    from mdlcode.codes import Code
    from mdlcode.data import Data, View
    from mdlcode.experiments import Experiment

NetFile = Annotated[Path | None, typer.Argument(help="A message of `encode` whose code sends a net, or a net's file.")]
Weights = Annotated[Path | None, typer.Option(help="Weights of a net instead: .npz of arrays or .pt state dict.")]
WeightCodes = Annotated[
    str | None, typer.Option(help="How --weights are sent; several pay for the choice, all are tried by default.")
]
Arch = Annotated[
    str | None,
    typer.Option(help="Net of --weights or of --code, by name or module:factory; also one a message may import."),
]
Mean = Annotated[str | None, typer.Option(help="Mean of each channel, pixels in 0..1, fixed before the data.")]
Std = Annotated[str | None, typer.Option(help="Standard deviation likewise; without both: the data's own, paid.")]
Binary = Annotated[
    bool | None, typer.Option("--binary", help="Ask only whether a label is in the upper half of the classes.")
]
Errors = Annotated[int, typer.Option(help="Errors of the decoded net on the training examples.")]
Examples = Annotated[int, typer.Option(help="How many training examples there were.")]
Bits = Annotated[float, typer.Option(help="Bits of all that the net was decoded from.")]
Prior = Annotated[
    float | None, typer.Option(help="Share of the examples that --code learns from; the bound is on the others.")
]
Draws = Annotated[
    int, typer.Option(help="Of a stochastic net: how many random examples are drawn, with weights of their own.", min=1)
]
Delta = Annotated[float, typer.Option(help="Failure probability of each bound.")]
Candidates = Annotated[
    int | None,
    typer.Option(help="Among how many alternatives this was chosen, log2 of which is paid: `tried` of --config, or 1."),
]
Report = Annotated[Path | None, typer.Option("--out", "-o", help="JSON file for the certificate.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file of --out.")]


def bound(
    data: o.DataName,
    file: NetFile = None,
    weights: Weights = None,
    weight_code: WeightCodes = None,
    code: o.CodeName = "",
    config: o.ConfigFile = None,
    arch: Arch = None,
    mean: Mean = None,
    std: Std = None,
    prior: Prior = None,
    delta: Delta = 0.05,
    mc_draws: Draws = 150_000,
    candidates: Candidates = None,
    seed: o.Seed = None,
    device: o.Device = None,
    limit: o.Limit = None,
    label_noise: o.LabelNoise = None,
    shuffle_pixels: o.ShufflePixels = None,
    order_seed: o.OrderSeed = None,
    binary: Binary = None,
    report: Report = None,
    force: Force = False,
    threads: o.Threads = None,
    workers: o.Workers = 1,
) -> None:
    """Bounds on the test error: of the net in a file, of --weights, or of what --code or --config learns."""
    from mdlcode import bounds
    from mdlcode.certify.certificate import choice_bits

    if sum(given is not None for given in (file, weights, code or config)) != 1:
        raise MdlError("say what to bound: a file with a net, --weights with --arch, or --code (or --config)")
    _check_free(report, force)
    bounds.held_out(0, 1, delta)  # nothing is trained for a delta outside (0, 1)
    choice_bits(1 if candidates is None else candidates)
    fields = {"data": data, "device": device, "seed": seed, "limit": limit, "label_noise": label_noise}
    fields |= {"shuffle_pixels": shuffle_pixels, "order_seed": order_seed, "binary": binary}
    with o.computing(threads, workers):
        if file is not None:
            _refuse("a file", mean=mean, std=std, prior=prior, weight_code=weight_code, seed=seed)
            made = _of_file(o.experiment(None, arch=arch, **fields), file, delta, candidates or 1)
        elif weights is not None:
            _refuse("--weights", prior=prior, seed=seed)
            chosen = o.experiment(None, **fields)
            loaded = _scaled(_seen(chosen.view, chosen.load()), mean, std)
            made = _of_weights(weights, arch, weight_code, loaded, delta, candidates or 1)
        else:
            _refuse("--code", weight_code=weight_code)
            chosen = o.codes(config, code or None, arch=arch, **fields)
            loaded = _scaled(_seen(chosen.view, chosen.load()), mean, std)
            made = _of_codes(chosen.named_codes(), loaded, prior, delta, candidates or chosen.tried, mc_draws)
    _finish(made, report)


def bound_numbers(
    errors: Errors,
    examples: Examples,
    bits: Bits,
    delta: Delta = 0.05,
    candidates: Candidates = None,
    report: Report = None,
    force: Force = False,
) -> None:
    """The same bounds from numbers, such as published sizes and errors; no net is looked at."""
    from mdlcode.certify.certificate import certify_numbers

    _check_free(report, force)
    _finish(certify_numbers(errors, examples, bits, delta, 1 if candidates is None else candidates), report)


def _check_free(report: Path | None, force: bool) -> None:
    if report is not None and report.exists() and not force:
        raise MdlError(f"{report} is there already: name another --out, or --force to replace it")


def _finish(made: "Certificate", report: Path | None) -> None:
    """Shows the certificate and writes it down."""
    from mdlcode.files import write_json

    show(made)
    if report is not None:
        write_json(report, made.to_config())


def show(made: "Certificate") -> None:
    """Prints a certificate: what it is about, what was paid, every bound, the test set's beside them."""
    draws = " random draws" if made.mc_delta else ""
    out.print(f"{made.dataset}: {made.source}", highlight=False, markup=False)
    out.print(
        f"train errors: {made.errors:,} of {made.evaluated:,}{draws} ({100 * made.errors / made.evaluated:.3f} %)"
        f"; n = {made.n:,}, delta = {made.delta:g}" + (f" + {made.mc_delta:g} for the draws" if draws else ""),
        highlight=False,
    )
    out.print(paid_table(made))
    out.print(bounds_table(made))
    if made.unpaid_bound is not None:
        out.print(
            f"{100 * made.tightest.value:.3f} % pays for {made.candidates:,} settings that were tried;"
            f" {100 * made.unpaid_bound:.3f} % would not, and is no guarantee.",
            highlight=False,
        )
    out.print(
        "They hold with probability 1 - delta if the examples are i.i.d. and net, code and settings were fixed"
        " before them; what was chosen by looking at them is paid with --candidates, or `tried` in a config.",
        highlight=False,
    )


def _refuse(what: str, **options: object) -> None:
    """Raises MdlError for an option that does not go with what is bounded."""
    for name, value in options.items():
        if value is not None:
            raise MdlError(f"--{name.replace('_', '-')} does not go with {what}: leave it out")


def _seen(view: "View", loaded: "Data") -> "Data":
    """The data without their test set where labels are noisy: its labels are clean, so of another distribution."""
    return replace(loaded, test_inputs=None, test_labels=None) if view.label_noise else loaded


def _scaled(loaded: "Data", mean: str | None, std: str | None) -> "Data":
    """The data, standardised by given numbers where there are some."""
    from mdlcode.data import Given

    if mean is None and std is None:
        return loaded
    if mean is None or std is None:
        raise MdlError("--mean and --std go together: give both, or neither to use the training inputs' own")
    try:
        moments = [tuple(float(part) for part in text.split(",")) for text in (mean, std)]
    except ValueError:
        raise MdlError(f"--mean '{mean}' and --std '{std}' must be numbers, with commas between channels") from None
    return replace(loaded, shared=replace(loaded.shared, standardise=Given(*moments)))


def _of_file(chosen: "Experiment", file: Path, delta: float, candidates: int) -> "Certificate":
    """Of a message, whose header names its view of the data, or of a net's file."""
    from mdlcode.certify.certificate import certify
    from mdlcode.certify.hypothesis import from_message, from_net_file
    from mdlcode.cli.messages import trusted_header
    from mdlcode.data import View, load
    from mdlcode.environment import select_device
    from mdlcode.weights.net_file import is_net, unpack_net

    trusted = [arch for arch in chosen.arch if ":" in arch]
    if is_net(content := o.read_file(file, "net or message")):
        if ":" in (asked := unpack_net(content)[0].arch) and asked not in trusted:
            raise MdlError(f"the net asks to import '{asked}': if you trust it, say --arch {asked}")
        loaded = _seen(chosen.view, chosen.load())
        return certify(from_net_file(content, loaded.shared), loaded, delta, candidates)
    header = trusted_header(content, trusted)
    if chosen.view != View():
        raise MdlError("a message names its own view of the data: leave out --limit and the like")
    view = View(**(header.data or {}).get("view", {}))
    loaded = _seen(view, load(chosen.data, view)).to(select_device(chosen.device))
    return certify(from_message(content, loaded.shared), loaded, delta, candidates)


def _of_weights(
    file: Path, arch: str | None, names: str | None, loaded: "Data", delta: float, candidates: int
) -> "Certificate":
    from mdlcode.certify.tensors import NAMED, certify_tensors
    from mdlcode.nets.tensors import read_tensors

    if arch is None:
        raise MdlError("--weights need --arch: a net by name (see `list nets`) or module:factory")
    chosen = [name.strip() for name in names.split(",")] if names else list(NAMED)
    if unknown := [name for name in chosen if name not in NAMED]:
        raise MdlError(f"no weight code named '{unknown[0]}': names: {', '.join(NAMED)}")
    return certify_tensors(read_tensors(file), arch, [NAMED[name] for name in chosen], loaded, delta, candidates)


def _of_codes(
    named: "list[tuple[str, Code]]", loaded: "Data", prior: float | None, delta: float, candidates: int, mc_draws: int
) -> "Certificate":
    """The tightest certificate of several codes, log2 of their number paid."""
    from mdlcode.certify.certificate import tightest
    from mdlcode.certify.code import certify_code, certify_prefix

    paid = candidates * len(named)
    if prior is None:
        return tightest([certify_code(code, loaded, delta, paid, mc_draws) for _, code in named])
    return tightest([certify_prefix(code, loaded, prior, delta, paid) for _, code in named])
