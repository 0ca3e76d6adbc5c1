"""Architectures by name, sized by the data; or any user's own as `package.module:factory`."""

from mdlcode.nets.build import NETS, TOKEN_NETS, build, resolve, takes_tokens

__all__ = ["NETS", "TOKEN_NETS", "build", "resolve", "takes_tokens"]
