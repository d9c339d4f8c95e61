"""Do the features of a network carry over to new images? Probes, estimates and advice."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["estimate", "measurement"],
    submod_attrs={
        "advice": [
            "ADVISED_INITIALISATION",
            "Advice",
            "advise",
            "choose_similarity",
            "choose_strategy",
            "count_images_to_learn_from",
            "describe_verdict",
            "explain_what_would_change_advice",
            "list_contested_cases",
        ],
        "calibration_basis": ["describe_basis", "describe_line_basis", "describe_verdict_basis"],
        "cautions": ["warn_of_near_copies"],
        "batchnorm_shift": ["measure_batchnorm_shift", "measure_reference_distances"],
        "bootstrap": ["BOOTSTRAP_SAMPLES"],
        "similarity_calibration": [
            "Basis",
            "BenchmarkResult",
            "Calibration",
            "LogisticModel",
            "ReliabilityBin",
            "compute_fine_tuning_gain",
            "get_calibration_path",
            "is_calibrated",
            "load_calibration",
            "make_rule_of_thumb",
        ],
        "grouped_folds": ["assign_grouped_folds", "group_near_duplicates", "stratify_order"],
        "estimate": [
            "DECISION_THRESHOLD",
            "SimilarityEstimate",
            "Verdict",
            "estimate_from_evidence",
            "estimate_similarity",
            "load_known_evidence",
        ],
        "evidence": [
            "BootstrapDraws",
            "LearningCurve",
            "StageEvidence",
            "TransferabilityEvidence",
            "from_json",
            "log_distance",
        ],
        "explanation": ["describe_flip_invariance"],
        "options": ["Option", "Options"],
        "measurement": [
            "choose_shift_images",
            "measure_transferability",
            "summarise_embeddings",
        ],
        "network_ranking": [
            "NetworkRanking",
            "NetworkScore",
            "list_present_networks",
            "load_ranking",
            "rank_networks",
        ],
    },
)
