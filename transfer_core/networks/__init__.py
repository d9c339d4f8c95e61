"""Source networks: what can be transferred from, described as ordered named stages."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "catalog",
        "demonstration",
        "efficientnet_lite",
        "starting_network",
        "surgery",
        "train_mode",
        "torchvision_modules",
        "torchvision_stages",
        "network_builder",
        "timm_modules",
    ],
    submod_attrs={
        "empty_weights": ["init_empty_weights"],
        "depthwise": ["is_depthwise"],
        "catalog": ["DEFAULT_NETWORK", "get_network", "list_networks"],
        "download": ["download_weights"],
        "input_sizes": ["list_input_sizes", "select_input_size"],
        "kept_stages": [
            "list_kept_stages",
            "resolve_effective_strategy",
            "trains_baseline",
            "trains_head_only",
        ],
        "licence": ["describe_commercial_use"],
        "own_weights": ["import_weights"],
        "source_network": ["SourceNetwork"],
        "starting_network": [
            "choose_network_for_photos",
            "choose_starting_network",
            "describe_missing_photo_network",
        ],
        "surgery": [
            "HEAD",
            "StageSummary",
            "adapt",
            "compute_pool_size",
            "pool_features",
            "summarise_network",
            "upgrade_head_name",
        ],
        "timm_catalog": ["TIMM_CATALOG_FILE", "list_timm_tags"],
        "timm_description": ["describe_tag"],
        "timm_packages": ["has_timm"],
        "torchvision_catalog": ["CATALOG_FILE"],
        "torchvision_modules": ["build_model", "flatten_model"],
        "torchvision_stages": ["split_into_stages"],
        "network_builder": ["build_untrained", "load_pretrained"],
        "train_mode": ["find_batch_norms", "set_train_mode_except_frozen"],
        "weights_location": ["BUNDLED_WEIGHTS_FOLDER", "get_weights_status", "has_weights"],
    },
)
