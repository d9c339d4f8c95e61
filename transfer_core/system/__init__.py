"""The machine: data folder, devices, precision, threads, memory and disk."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["devices", "disk_cache", "parallel", "precision"],
    submod_attrs={
        "busy": ["TrainingTurn", "mark_training", "watch_for_training"],
        "devices": ["Device", "choose_device", "copy_to_device", "get_device", "validate_device"],
        "disk_cache": [
            "CacheFullError",
            "NPY_HEADER_BYTES",
            "add_entry",
            "get_limit",
            "mark_used",
            "open_array",
        ],
        "files": [
            "UNFINISHED_SUFFIX",
            "flush_to_disk",
            "hash_bytes",
            "hash_file",
            "write_atomically",
        ],
        "home": ["get_home", "get_machine_folder"],
        "memory": [
            "count_memory_kills",
            "is_out_of_memory",
            "keep_freed_memory",
            "limit_memory",
            "read_memory_share",
        ],
        "parallel": [
            "MAX_TASK_BYTES",
            "MAX_TASK_IMAGES",
            "Progress",
            "StopRequested",
            "WorkStopped",
            "group_into_tasks",
            "ignore_progress",
            "map_in_order",
            "rename_progress",
        ],
        "precision": [
            "MIN_SPEEDUP",
            "Precision",
            "autocast",
            "choose_precision",
            "is_channels_last_faster",
            "time_in_turn",
        ],
        "waiting": ["WAIT_VARIABLE", "let_threads_sleep"],
        "version": ["__version__"],
        "random_numbers": ["DrawFrom", "make_generator"],
    },
)
