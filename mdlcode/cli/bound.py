"""`mdlcode bound`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import bounds_table, out, paid_table
from mdlcode.errors import MdlError

if TYPE_CHECKING:
    from mdlcode.experiments.certificate import Certificate

MessageFile = Annotated[Path | None, typer.Argument(help="A message of `encode` whose code sends a net.")]
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
Prior = Annotated[
    float | None, typer.Option(help="Share of the examples that --code learns from; the bound is on the others.")
]
Delta = Annotated[float, typer.Option(help="Failure probability of each bound.")]
Choices = Annotated[int, typer.Option(help="Among how many alternatives this was chosen; log2 of it is paid.")]
Report = Annotated[Path | None, typer.Option("--out", "-o", help="JSON file for the certificate.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file of --out.")]


def bound(
    data: o.DataName,
    message: MessageFile = None,
    weights: Weights = None,
    weight_code: WeightCodes = None,
    arch: Arch = None,
    mean: Mean = None,
    std: Std = None,
    code: o.CodeName = "",
    config: o.ConfigFile = None,
    prior: Prior = None,
    delta: Delta = 0.05,
    choices: Choices = 1,
    seed: o.Seed = None,
    device: o.Device = None,
    limit: o.Limit = None,
    label_noise: o.LabelNoise = None,
    shuffle_pixels: o.ShufflePixels = None,
    order_seed: o.OrderSeed = None,
    report: Report = None,
    force: Force = False,
    threads: o.Threads = None,
    workers: o.Workers = 1,
) -> None:
    """Bounds on the test error: of a message, of --weights, or of what --code (or --config) learns."""
    from mdlcode import bounds
    from mdlcode.experiments.results import write_atomically

    if sum(given is not None for given in (message, weights, code or config)) != 1:
        raise MdlError("say what to bound: a message, --weights with --arch, or --code (or --config)")
    if report is not None and report.exists() and not force:
        raise MdlError(f"{report} is there already: name another --out, or --force to replace it")
    bounds.held_out(0, 1, delta)
    fields = {"data": data, "device": device, "limit": limit, "label_noise": label_noise, "seed": seed}
    fields |= {"shuffle_pixels": shuffle_pixels, "order_seed": order_seed}
    with o.computing(threads, workers):
        if message is not None:
            made = _of_message(data, message, device, arch, delta, choices)
        elif weights is not None:
            made = _of_weights(weights, arch, weight_code, mean, std, delta, choices, fields)
        else:
            made = _of_code(config, code, arch, prior, delta, choices, fields)
    show(made)
    if report is not None:
        text = json.dumps(made.to_config(), indent=1)
        write_atomically(report, lambda opened: opened.write(text.encode()))


def show(made: "Certificate") -> None:
    """Prints a certificate: what it is about, what was paid, every bound, the test set's beside them."""
    draws = "" if made.evaluated == made.n else " random draws"
    out.print(f"{made.dataset}: {made.source}", highlight=False, markup=False)
    out.print(
        f"train errors: {made.errors:,} of {made.evaluated:,}{draws} ({100 * made.errors / made.evaluated:.3f} %)"
        f"; n = {made.n:,}, delta = {made.delta:g}" + (f" + {made.mc_delta:g} for the draws" if draws else ""),
        highlight=False,
    )
    out.print(paid_table(made))
    out.print(bounds_table(made))
    out.print(
        "They hold with probability 1 - delta if the examples are i.i.d. and net, code and settings were fixed"
        " before them; what was chosen by looking at them is paid with --choices.",
        highlight=False,
    )


def _of_message(
    data: str, file: Path, device: str | None, arch: str | None, delta: float, choices: int
) -> "Certificate":
    from mdlcode.cli.messages import read_message
    from mdlcode.data import View, load
    from mdlcode.environment import select_device
    from mdlcode.experiments.certificate import certify
    from mdlcode.experiments.hypothesis import from_message

    header, content = read_message(file, [arch] if arch else [])
    view = View(**(header.data or {}).get("view", {}))
    loaded = load(data, view).to(select_device(device or "auto"))
    return certify(from_message(content, loaded.shared), loaded, delta, choices)


def _of_weights(
    file: Path,
    arch: str | None,
    names: str | None,
    mean: str | None,
    std: str | None,
    delta: float,
    choices: int,
    fields: dict[str, object],
) -> "Certificate":
    from mdlcode.experiments.weights_file import NAMED, certify_state, fixed_moments, read_state

    if arch is None:
        raise MdlError("--weights need --arch: a net by name (see `list nets`) or module:factory")
    chosen = [name.strip() for name in names.split(",")] if names else list(NAMED)
    if unknown := [name for name in chosen if name not in NAMED]:
        raise MdlError(f"no weight code named '{unknown[0]}': names: {', '.join(NAMED)}")
    state, loaded = read_state(file), o.experiment(None, **fields).load()
    moments = fixed_moments(mean, std, loaded.shared)
    return certify_state(state, arch, [NAMED[name] for name in chosen], loaded, moments, delta, choices)


def _of_code(
    config: Path | None,
    code: str,
    arch: str | None,
    prior: float | None,
    delta: float,
    choices: int,
    fields: dict[str, object],
) -> "Certificate":
    from mdlcode.experiments.certificate import certify, rest
    from mdlcode.experiments.hypothesis import from_code, from_prefix

    chosen = o.single_code(config, code or None, arch=arch, **fields)
    [(_, made)] = chosen.named_codes()
    loaded = chosen.load()
    if prior is None:
        return certify(from_code(made, loaded), loaded, delta, choices)
    if not 0 < prior < 1:
        raise MdlError(f"--prior {prior:g} is a share of the examples: between 0 and 1")
    seen = round(prior * len(loaded))
    unseen = rest(loaded, seen)
    return certify(from_prefix(made, loaded, seen), unseen, delta, choices)
