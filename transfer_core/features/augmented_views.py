"""Augmented views: randomly changed copies of images, each embedded once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from transfer_core.features.augmentation import augment
from transfer_core.networks import SourceNetwork


@dataclass(frozen=True, slots=True)
class AugmentedView:
    """One randomly cropped and recoloured copy of every image; it is the same every time."""

    number: int  # counted from 0; the seed of crops and colours
    mirror: bool  # whether half of the copies are mirrored

    @property
    def key(self) -> str:
        """The view's name in caches."""
        return f"view-{self.number}" + ("-mirrored" if self.mirror else "")

    def build_preprocessing(
        self,
    ) -> Callable[[np.ndarray, SourceNetwork, torch.device], torch.Tensor]:
        """Return a function that turns pixels, given in order, into inputs; see `embed`."""
        generator = torch.Generator().manual_seed(self.number)
        return lambda pixels, source, device: augment(
            pixels, source, source.input_size, generator, horizontal_flip=self.mirror, device=device
        )
