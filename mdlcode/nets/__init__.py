"""Architectures by name, sized by the data; or any user's own as `package.module:factory`."""

from mdlcode.nets.build import NETS, build, is_user_factory, resolve

__all__ = ["NETS", "build", "is_user_factory", "resolve"]
