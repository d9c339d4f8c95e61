"""Settings: how one is declared, those of the optimiser and of clusters, and the usual ones."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cluster_settings": ["RaySettings", "SlurmSettings", "read_cluster_settings"],
        "declaration": ["Setting", "SettingField", "describe_bounds", "list_settings"],
        "minutes": ["MAX_MINUTES", "check_minutes"],
        "optimiser_settings": ["OptimiserSettings"],
        "usual_settings": ["NetworkKind", "WHOLE_NETWORK_DEFAULTS"],
    },
)
