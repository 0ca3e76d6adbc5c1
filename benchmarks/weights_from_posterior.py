"""One posterior, its weights sent by bits-back, also with refinements, and by relative entropy coding.

python benchmarks/weights_from_posterior.py [--data mnist --arch lenet-patches --limit 10000 --epochs 15]
"""

import argparse
import time

import torch

from mdlcode.bayes import BayesLearner, ExpectedLength, FreshNet, Refinement
from mdlcode.bayes.bits_back import BitsBack
from mdlcode.bayes.relative_entropy import RelativeEntropy
from mdlcode.codes import Variational
from mdlcode.coding.channel import Ledger, Sender
from mdlcode.data import View, load
from mdlcode.learn import Steps


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--arch", default="lenet-patches")
    parser.add_argument("--limit", type=int, default=10_000)
    parser.add_argument("--epochs", type=float, default=15)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    data = load(chosen.data, View(limit=chosen.limit))
    learner = BayesLearner(FreshNet(chosen.arch), training=Steps(epochs=chosen.epochs, min_steps=1, warmup=0.05))
    inferred = learner.fit(data.shared, data.labels)
    print(ExpectedLength.of(inferred, data.shared, data.labels, 8))
    inference = learner.continued(inferred.posterior, data.shared, data.labels)
    codings = {f"step prior / 2^{steps}": BitsBack(step_bits=steps) for steps in (5, 6, 7, 8, 9)}
    for parts, last in ((1, 1), (1, 4), (2, 6), (2, 12), (4, 24)):
        codings[f"refined, parts {parts}, last {last}"] = BitsBack(refinement=Refinement(parts, last))
    for name, coding in codings.items():
        for seed in range(3):
            sender = Sender(seed=seed)
            Variational(learner, coding).draw(sender, inference, data.shared, data.labels)
            length, net = sender.codelength(10), 32 * (len(sender.words()) - len(sender.spare))
            print(
                f"bits-back, {name}, draw {seed}: weights and prior {length.model_bits:9,.0f}"
                f" + labels {length.label_bits:8,.0f} = {length.total_bits:9,.0f}, sent net {net:9,}"
            )
    for bits in (10, 14, 16):
        for slack in (0.0, 1.0, 2.0, 3.0, 4.0):
            begin, ledger = time.perf_counter(), Ledger()
            code = Variational(learner, RelativeEntropy(bits=bits, slack=slack))
            code.draw(ledger, inference, data.shared, data.labels)
            length = ledger.codelength(10)
            print(
                f"relative entropy, {bits} bits a block, slack {slack}: weights and prior {length.model_bits:9,.0f}"
                f" + labels {length.label_bits:8,.0f} = {length.total_bits:9,.0f}, {time.perf_counter() - begin:.1f} s"
            )


if __name__ == "__main__":
    main()
