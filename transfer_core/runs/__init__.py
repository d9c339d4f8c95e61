"""Runs: their records, event logs, queue, directories, and the engine that drives them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["worker_process"],
    submod_attrs={
        "engine.engine": ["Engine", "close_engines"],
        "launch": [
            "EXECUTOR_VARIABLE",
            "get_result",
            "launch_run",
            "make_run_config",
            "repeat_run",
            "run_to_end",
            "start_engine",
        ],
        "engine.process_executor": ["ProcessExecutor"],
        "perform": ["perform_run"],
        "store.curation": [
            "MAX_NOTES_LENGTH",
            "MAX_TAGS",
            "add_imported_run",
            "delete_runs",
            "purge_deleted_runs",
            "restore_runs",
            "update_run",
        ],
        "store.directory": ["RunDirectory"],
        "store.events": ["encode_event", "encode_values", "find_last_event", "select_events"],
        "store.expectation": ["Expectation", "make_expectation"],
        "store.log": ["RunLog"],
        "store.records": [
            "ACTIVE_STATES",
            "Failed",
            "Outcome",
            "RunEvent",
            "RunRecord",
            "RunState",
            "UNFINISHED_STATES",
            "UnreadableRun",
            "generate_id",
            "make_run_error",
            "make_unknown_run_error",
        ],
        "store.search": ["RunFilter", "SORT_KEYS", "filter_runs"],
        "store.config_json": ["to_json", "upgrade_config"],
        "store.store": ["RunStore"],
        "stored_texts": ["translate_record_text"],
        "store.track_record": ["Tally", "TrackRecord", "load_track_records"],
    },
)
