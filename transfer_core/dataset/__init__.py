"""Data sets: from an archive to classes, splits and problems, and the store that keeps them.

Knows nothing of networks.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["ingestion", "pixel_cache", "samples"],
    submod_attrs={
        "archive.base": ["Archive", "Limits", "Member", "Problem", "read_archive_limits"],
        "archive.entry_paths": ["has_hidden_characters"],
        "archive.opening": ["open_archive"],
        "atomic_folder": ["remove_abandoned_folders"],
        "changes": ["Change"],
        "ingestion": ["ingest"],
        "layout": ["MAX_CLASSES"],
        "near_duplicates": ["NearDuplicateGroup", "count_copies", "find_near_duplicates"],
        "offered_folders": ["find_offered", "list_offered"],
        "pixel_cache": ["PixelArray", "iter_batches", "load_pixels"],
        "recordings": [
            "MIN_BURSTS",
            "MIN_CLASS_FRAMES",
            "RecordedClass",
            "describe_import",
            "describe_shared_recordings",
            "find_burst",
            "make_folder_name",
            "needs_cutting",
            "write_recordings",
        ],
        "removal": ["remove_data_set"],
        "sabotage.flaws": [
            "FLAWS",
            "FLAW_KINDS",
            "Flaw",
            "FlawKey",
            "FlawKind",
            "Guess",
            "GuessScore",
            "TamperedImage",
            "score_guess",
        ],
        "sabotage.spoiling": [
            "MYSTERY_SETS",
            "MysterySet",
            "SpoiledVersion",
            "find_flaw",
            "make_mystery_set",
            "plan_repair",
            "spoil",
        ],
        "sample_origin": ["is_sample"],
        "samples.catalog": ["SAMPLES", "SAMPLES_LINE"],
        "samples.plankton": ["draw_individuals", "draw_species"],
        "samples.stripes": ["NUM_KINDS", "blend_two_colours", "draw_cloth"],
        "store": [
            "DataSetSummary",
            "escape_csv_cell",
            "export_problems_csv",
            "list_data_sets",
            "load",
            "load_image",
            "read_image_bytes",
        ],
        "types": ["DataSet", "ImageRecord", "SPLITS", "Split"],
        "versions": [
            "Version",
            "describe_test_edits",
            "list_versions",
            "load_set_aside",
            "make_addition",
            "make_version",
        ],
        "wording": ["format_count", "join_words"],
        "zip_export": ["iter_clean_images", "stream_zip"],
    },
)
