"""The names that commands take, apart from what they name, so that `mdlcode list` imports none of it.

Each stands where the named thing is defined too (`PRESETS` and `REAL_PRESETS`, `DATASETS`, `NETS`); a test holds them
equal.
"""

CODES = (
    *("uniform", "frequencies", "float32", "compressed", "subspace", "prequential", "switch", "online"),
    *("variational", "readout", "linear"),
)
DATA = ("digits", "diabetes", "mnist", "fashion-mnist", "cifar10", "cifar100", "svhn")
NETS = (
    *("linear", "mlp", "mlp-dropout", "mlp-512", "mlp-small", "mlp-3x200", "shallow"),
    *("lenet", "tinycnn", "lenet5", "lenet-small", "lenet-patches", "lenet-readout", "lenet-edges"),
    *("patches", "patches-mlp"),
    *(
        "convnet",
        "convnet-shallow",
        "convnet-small",
        "conv8",
        "vgga",
        "vggb",
        "whitened",
        "resnet18",
        "resnet34",
        "resnet50",
    ),
)
TOKEN_NETS = ("transformer-2x64",)
