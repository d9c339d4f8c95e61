"""Features: augmented inputs, and embeddings that are computed once and cached."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["augmentation", "embedding", "standardisation", "augmented_views"],
    submod_attrs={
        "augmentation": ["augment"],
        "embedding": ["choose_batch_size", "embed", "normalise"],
        "embedding_cache": ["get_cache_folder", "load_or_compute_embeddings"],
        "standardisation": ["fit_standardisation"],
        "augmented_views": ["AugmentedView"],
    },
)
