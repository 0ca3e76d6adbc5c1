"""What a description length should explain: phenomena of deep learning, each measured on any net and data, with bits.

A file is a phenomenon. `mdlcode reproduce denis` runs them at the sizes of their papers, or smaller.
"""
