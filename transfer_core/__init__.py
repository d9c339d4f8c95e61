"""The back end of Transfer Lab: from a zipped image data set to a transferred network.

One alphabet for shapes in every docstring: N images, B batch, C classes,
D features of one embedding, H x W pixels.
"""

__version__ = "0.1.0"
