"""One posterior, its weights sent by bits-back, also with refinements, and by relative entropy coding."""

from collections.abc import Callable
from functools import partial
from typing import Any

from mdlcode.bayes import BayesLearner, FreshNet, Refinement
from mdlcode.bayes.bits_back import BitsBack
from mdlcode.bayes.relative_entropy import RelativeEntropy
from mdlcode.codes import Variational
from mdlcode.coding.channel import Sender
from mdlcode.config import to_config
from mdlcode.data import Data
from mdlcode.experiments.pieces import Values
from mdlcode.experiments.tables import Table
from mdlcode.learn import Steps
from mdlcode.papers import Job, sizes
from mdlcode.papers.blier_ollivier.published import NAMES

# Data, labels, net, epochs, and the draws of each coding.
SIZES = {
    "smoke": ("digits", 200, "linear", 2.0, 1),
    "cpu": ("mnist", 10_000, "lenet-patches", 15.0, 3),
    "full": ("mnist", 60_000, "lenet-patches", 15.0, 3),
}
CODINGS: dict[str, BitsBack | RelativeEntropy] = {
    **{f"bits-back, steps of the prior / 2^{steps}": BitsBack(step_bits=steps) for steps in (5, 6, 7, 8, 9)},
    **{
        f"bits-back, refined, parts {parts}, last {last}": BitsBack(refinement=Refinement(parts, last))
        for parts, last in ((1, 1), (1, 4), (2, 6), (2, 12), (4, 24))
    },
    **{
        f"relative entropy, {bits} bits a block, slack {slack:g}": RelativeEntropy(bits=bits, slack=slack)
        for bits in (10, 14, 16)
        for slack in (0.0, 1.0, 2.0, 3.0, 4.0)
    },
}
_SMOKE = (0, 5, 10)  # one of each kind


def codings(job: Job) -> None:
    """Bits of weights and labels under every way to send weights that are drawn from one posterior."""
    dataset, limit, arch, epochs, draws = SIZES[job.scale]
    learner = BayesLearner(FreshNet(arch), training=Steps(epochs=epochs, min_steps=1, warmup=0.05))
    chosen = [each for i, each in enumerate(CODINGS.items()) if job.scale != "smoke" or i in _SMOKE]
    settings = {"learner": to_config(learner), "data": dataset, "limit": limit, "draws": draws}
    settings["codings"] = {name: to_config(coding) for name, coding in chosen}
    piece = Values("codings", settings, partial(_sent, job.data(dataset, limit), learner, dict(chosen), draws))
    [found] = job.store.all([piece])
    rows = tuple((str(each["coding"]), *(f"{each[key]:,.0f}" for key in _KEYS)) for each in found)
    caption = (
        f"Weights drawn from one posterior and sent in several ways, {arch} on {NAMES[dataset]}: bits reported, and"
        " bits of the message less the spare bits given back. A row a draw."
    )
    reduced = sizes(job.scale, "200 labels, 3 codings.", "10,000 labels, 15 epochs.", "all labels, 15 epochs.")
    header = ("coding", "weights and prior", "labels", "total bits", "sent, net")
    job.store.table("codings", Table(f"{caption} {reduced}", header, rows))


_KEYS = ("model_bits", "label_bits", "total_bits", "sent_bits")


def _sent(
    load: Callable[[], Data], learner: BayesLearner, chosen: dict[str, BitsBack | RelativeEntropy], draws: int
) -> list[dict[str, Any]]:
    data, rows = load(), []
    inferred = learner.fit(data.shared, data.labels)
    inference = learner.continued(inferred.posterior, data.shared, data.labels)
    for name, coding in chosen.items():
        for seed in range(draws):
            sender = Sender(seed=seed)
            Variational(learner, coding).draw(sender, inference, data.shared, data.labels)
            length = sender.codelength(data.shared.num_classes)
            rows.append(
                {
                    "coding": name,
                    "model_bits": length.model_bits,
                    "label_bits": length.label_bits,
                    "total_bits": length.total_bits,
                    "sent_bits": 32 * (len(sender.words()) - len(sender.spare)),
                }
            )
    return rows
