"""Features: augmented inputs, and embeddings that are computed once and cached."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["augmentation", "preprocessing", "standardisation", "augmented_views"],
    submod_attrs={
        "augmentation": ["augment"],
        "cached_embedding": ["load_or_embed"],
        "embedding": ["embed", "embed_with_runtime"],
        "embedding_cache": [
            "get_cache_folder",
            "join_embeddings",
            "load_or_compute_embeddings",
        ],
        "embedding_runtime": [
            "CANNOT_RUN",
            "EmbeddingRuntime",
            "RUNTIME_REASONS",
            "RuntimeName",
            "make_runtime",
        ],
        "joined_rows": ["JoinedRows", "MAX_COPIED_BYTES", "join_rows"],
        "onnx_session": ["ONNX_BATCH_SIZE", "open_onnx_session"],
        "onnx_stages": ["OnnxFailedError"],
        "pooled_stages": ["build_onnx_graph"],
        "preprocessing": ["choose_batch_size", "normalise"],
        "runtime_choice": ["choose_runtime"],
        "standardisation": ["fit_standardisation", "fit_unit_scaling"],
        "augmented_views": ["AugmentedView"],
    },
)
