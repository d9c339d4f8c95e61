"""The training loop: a generator of events that knows nothing of threads or pages."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "checkpoint",
        "class_weights",
        "data_loaders",
        "early_stopping",
        "interpolation",
        "loop",
        "optimiser",
        "train",
    ],
    submod_attrs={
        "class_weights": ["compute_class_weights"],
        "checkpoint": ["Checkpointer", "MAX_TIME_SHARE"],
        "checkpoint_format": ["is_readable_checkpoint"],
        "config": ["RunConfig", "list_setting_values"],
        "data_loaders": ["EMBEDDING_BATCH_SIZE", "count_batches", "shuffle_into_batches"],
        "early_stopping": [
            "MIN_LOSS_RISE",
            "NEVER_FINITE",
            "USED_RATE",
            "compute_first_stop",
            "describe_early_stop",
        ],
        "evaluation": [
            "Z_95",
            "compute_difference_interval",
            "compute_wilson_interval",
            "predict_logits",
            "score",
        ],
        "events": [
            "BaselineTrained",
            "Ended",
            "EpochEnded",
            "Event",
            "MemoryShort",
            "Preparing",
            "RuntimeChosen",
            "StageChange",
            "Started",
            "Stepped",
        ],
        "meters": ["WeightChangeMeter"],
        "optimiser": ["MOMENTUM", "build_one_cycle_schedule"],
        "result": ["ClassMetrics", "TestResult"],
        "settings_table": ["compare_settings", "describe_settings"],
        "step_format": ["StepFormat", "choose_step_format"],
        "train": ["train_head", "train_whole_network"],
    },
)
