"""One table of all codes, in small: every law is tested on each."""

from mdlcode.bayes import BayesLearner, Refinement, ScaleMixture, SparsePrior
from mdlcode.bayes.bits_back import BitsBack
from mdlcode.bayes.relative_entropy import RelativeEntropy
from mdlcode.codes import (
    Bayes,
    BestOf,
    Buffer,
    Code,
    Compressed,
    FixedShare,
    Geometric,
    Listed,
    Online,
    Portions,
    Prequential,
    Subspace,
    Temperature,
    TwoPart,
    Uniform,
    Variational,
)
from mdlcode.learn import (
    AdamW,
    Affine,
    Crop,
    DeepCompression,
    EnsembleLearner,
    EstimatorLearner,
    FixMatch,
    FrequencyLearner,
    Muon,
    NetLearner,
    RateAware,
    Sgd,
    StackedLearner,
    StagedLearner,
    SubspaceLearner,
    UniformLearner,
    VariationalDropout,
)
from mdlcode.projections import Fastfood, Kronecker
from mdlcode.weights import AsTrained, Entropy, FixedWidth, Float16, Gaps, Grid, KMeans, Quantised

NET = NetLearner(min_steps=12, max_steps=12, batch_size=32)
SMALL = NetLearner(arch="small", min_steps=40)
NORMED = NetLearner(arch="convnet-small", min_steps=12, max_steps=12, batch_size=32)
DENSE = NetLearner(arch="mlp", min_steps=12)
SPARSE = RateAware(SMALL, epochs=1, min_steps=100, lr=0.03, overshoot=2)
BAYES = BayesLearner(min_steps=40, max_steps=40, batch_size=32)
WARPED = Affine(shift_pixels=1.0)

CODES: dict[str, Code] = {
    "uniform": Uniform(),
    "float32": TwoPart(NET),
    "float32-batch-norm-free": TwoPart(NetLearner(arch="linear", min_steps=12, optimizer=Sgd(lr=0.05))),
    "float16": TwoPart(NET, weights=Float16()),
    "k-means-adaptive": TwoPart(NET, weights=Quantised(KMeans(8), units="sorted")),
    "grid-entropy": TwoPart(NET, weights=Quantised(Grid(15), Entropy())),
    "k-means-fixed-width": TwoPart(NET, weights=Quantised(KMeans(8), FixedWidth(), units="all")),
    "grid-gaps": TwoPart(NET, weights=Quantised(Grid(5), Gaps())),
    "subspace": Subspace((SubspaceLearner(min_steps=12, batch_size=32, dimension=60),)),
    "subspace-best-of": Subspace(
        (
            SubspaceLearner(arch="mlp", min_steps=12, dimension=30, layers="layerwise", projection=Kronecker()),
            SubspaceLearner(arch="mlp", min_steps=12, dimension=9, layers="mixed", projection=Fastfood()),
        )
    ),
    "prequential": Prequential((NET,)),
    "prequential-listed": Prequential((DENSE,), schedule=Listed((20, 70))),
    "calibrated": Prequential((NET,), calibration=Temperature()),
    "estimator": Prequential((EstimatorLearner("sklearn.neighbors:KNeighborsClassifier", {"n_neighbors": 1}),)),
    "switch": Prequential((NET, EstimatorLearner(), UniformLearner(), FrequencyLearner())),
    "self-switch": Prequential(
        (NetLearner(min_steps=12, checkpoints=(0.25, 0.5), warm_start=0.5),),
        calibration=Temperature(),
        mixture=FixedShare(),
    ),
    "bayes": Prequential((UniformLearner(), FrequencyLearner()), mixture=Bayes()),
    "ensemble": Prequential((EnsembleLearner(NET, size=2),), schedule=Geometric(first=30, ratio=3)),
    "views": Prequential(
        (NetLearner(min_steps=12, augment=WARPED, views=2, ema_decay=0.9, label_smoothing=0.1),),
        schedule=Listed((60,)),
    ),
    "fixmatch": Prequential(
        (NetLearner(min_steps=12, augment=Crop(pad=1, flip=True), unlabelled=FixMatch(batch_size=16)),),
        schedule=Listed((60,)),
    ),
    "staged-stack": Prequential(
        (
            StagedLearner(
                (FrequencyLearner(), StackedLearner(NetLearner(arch="mlp", min_steps=12), size=2)), until=(20,)
            ),
        )
    ),
    "muon": Prequential((NetLearner(optimizer=Muon(), min_steps=12),), schedule=Listed((60,))),
    "probing": Prequential((UniformLearner(), EstimatorLearner()), schedule=Portions((0.1, 0.5))),
    "online": Online(arch="tinycnn"),
    "online-buffer": Online(arch="mlp", replay=Buffer(2), augment=Crop(pad=1), optimizer=AdamW(lr=3e-3)),
    "bits-back": Variational(BAYES, BitsBack(tries=4)),
    "refined": Variational(
        BayesLearner(start=SPARSE, prior=ScaleMixture(), min_steps=40, max_steps=40, batch_size=32),
        BitsBack(refinement=Refinement(parts=2, last_parts=2, min_steps=10)),
        extra_draws=2,
    ),
    "masked": Variational(
        BayesLearner(start=SPARSE, prior=SparsePrior(), min_steps=40, max_steps=40, batch_size=32),
        BitsBack(refinement=Refinement(parts=1, last_parts=2, min_steps=10)),
        extra_draws=2,
    ),
    "relative-entropy": Variational(BAYES, RelativeEntropy(bits=10)),
    "compressed": Compressed(RateAware(SMALL, epochs=1, min_steps=300, lr=0.03, overshoot=2), bit_prices=(0.7, 1.0)),
    "compressed-to-nothing": Compressed(RateAware(SMALL, epochs=1, min_steps=100), bit_prices=(100.0,)),
    "rate-aware": TwoPart(
        RateAware(NORMED, bit_price=0.01, coarseness=0.5, min_steps=12, epochs=1), Quantised(AsTrained())
    ),
    "variational-dropout": TwoPart(VariationalDropout(SMALL, epochs=1, min_steps=40), Quantised(KMeans(5))),
    "deep-compression": TwoPart(
        DeepCompression(SMALL, density=0.3, levels=4, epochs=1, min_steps=20), Quantised(AsTrained(), Gaps(), "all")
    ),
    "best-of": BestOf((Uniform(), Prequential((NET,)), Prequential((FrequencyLearner(),)))),
}
