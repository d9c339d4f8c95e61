"""Source networks: what can be transferred from, described as ordered named stages."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "catalog",
        "demonstration",
        "efficientnet_lite",
        "surgery",
        "train_mode",
        "torchvision_modules",
        "torchvision_stages",
        "network_builder",
    ],
    submod_attrs={
        "empty_weights": ["init_empty_weights"],
        "depthwise": ["is_depthwise"],
        "catalog": ["DEFAULT_NETWORK", "get_network", "list_networks"],
        "download": ["download_weights"],
        "input_sizes": ["list_input_sizes", "select_input_size"],
        "own_weights": ["import_weights"],
        "recommendation": [
            "estimate_embedding_seconds",
            "measure_operations_per_second",
            "recommend_network",
        ],
        "source_network": ["SourceNetwork"],
        "surgery": [
            "HEAD",
            "StageSummary",
            "adapt",
            "list_kept_stages",
            "pool_features",
            "resolve_effective_strategy",
            "summarise_network",
            "trains_baseline",
            "trains_head_only",
            "upgrade_head_name",
        ],
        "torchvision_catalog": ["CATALOG_FILE"],
        "torchvision_modules": ["build_model", "flatten_model"],
        "torchvision_stages": ["split_into_stages"],
        "network_builder": ["build_untrained", "load_pretrained"],
        "train_mode": ["find_batch_norms", "set_train_mode_except_frozen"],
        "weights_location": ["BUNDLED_WEIGHTS_FOLDER", "get_weights_status", "has_weights"],
    },
)
