"""Inspect finished runs: predictions, mistakes, calibration, attribution, comparison."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["embedding_map", "outside_tries", "prediction"],
    submod_attrs={
        "activation_maximisation": ["make_exciting_image"],
        "attribution": ["compute_attribution"],
        "attribution_sanity": ["SanityStep", "run_randomisation_test"],
        "case_results": [
            "CaseResult",
            "collect_case_results",
            "follow_runs",
            "list_usual_epochs",
            "select_runs",
        ],
        "rule_verdict": ["RuleVerdict", "find_simplest_equal", "judge_rule"],
        "calibration": ["ConfidenceCalibration", "measure_calibration"],
        "comparison": ["PairedComparison", "compare_runs"],
        "diagnosis": ["build_training_history", "diagnose"],
        "embedding_map": ["EmbeddedImages", "Projection", "embed_test_images"],
        "exciting_images": ["Excitement", "choose_images", "find_exciting_images"],
        "feature_maps": [
            "ForwardPass",
            "StageMaps",
            "extract_first_filters",
            "list_last_classes",
            "run_forward",
        ],
        "mistakes": ["find_in_confusion_cell", "find_misclassified", "rank_by_uncertainty"],
        "out_of_distribution": [
            "MAX_FALSE_ALARM_RATE",
            "OutOfDistributionDetector",
            "compute_conformal_threshold",
            "embed_data_set_images",
            "load_or_fit_detector",
            "shrink_detector",
            "subsample",
        ],
        "outside_tries": [
            "OutsideTry",
            "keep_try",
            "list_tries",
            "read_try_image",
            "remove_try",
        ],
        "prediction": [
            "Prediction",
            "TestPredictions",
            "classify",
            "classify_files",
            "load_test_predictions",
            "measure_latency",
            "predict_proba",
        ],
        "receptive_field": ["Box", "measure_receptive_fields"],
        "trained_network": ["TrainedNetwork", "build_initial_network", "load_trained_network"],
    },
)
