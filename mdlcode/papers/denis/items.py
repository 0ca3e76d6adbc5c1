"""N. Denis 2019, "Machine Learning Reading Group: Deep Learning Theory", and the papers that it walks through."""

from mdlcode.papers.denis.descent import descent
from mdlcode.papers.denis.dimension import dimension
from mdlcode.papers.denis.layers import layers
from mdlcode.papers.denis.memorise import memorise
from mdlcode.papers.denis.paths import paths
from mdlcode.papers.denis.random import random
from mdlcode.papers.denis.smoothness import smoothness
from mdlcode.papers.denis.tickets import tickets
from mdlcode.papers.denis.xor import xor

ITEMS = {
    "random": random,
    "memorise": memorise,
    "layers": layers,
    "dimension": dimension,
    "smoothness": smoothness,
    "paths": paths,
    "xor": xor,
    "descent": descent,
    "tickets": tickets,
}
DATA = {"smoke": ("digits",), "cpu": ("mnist", "cifar10"), "full": ("mnist", "cifar10")}
