"""The textbook's picture of a network: neurons as circles, in layers, and their connections."""

from .picture import draw_network

__all__ = ["draw_network"]
