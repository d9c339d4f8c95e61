"""Plotly figures drawn from plain data, each with a text alternative."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "accuracies": ["describe_accuracies", "plot_accuracies"],
        "attribution": [
            "describe_attribution",
            "describe_sanity_check",
            "plot_attribution",
            "plot_sanity_check",
        ],
        "class_spread": ["describe_class_spread", "plot_class_spread"],
        "classes": ["describe_class_counts", "describe_count_range", "plot_class_counts"],
        "comparison": [
            "describe_differences",
            "describe_run_curves",
            "plot_differences",
            "plot_run_curves",
        ],
        "case_grid": ["build_case_cell"],
        "calibration": ["describe_calibration_curve", "plot_calibration_curve"],
        "confusion": ["describe_confusion_matrix", "plot_confusion_matrix"],
        "curves": ["build_curve_traces", "describe_curves", "tabulate_epochs", "translate_traces"],
        "decision": ["Crossover", "describe_decision", "plot_decision_diagram"],
        "decision_cells": ["CaseMarks"],
        "decision_diagram": [
            "build_decision_diagram",
            "describe_result",
        ],
        "out_of_distribution": ["describe_distances", "plot_distances"],
        "enough_images": ["build_enough_chart", "describe_enough_chart"],
        "head_curves": ["build_head_charts", "describe_head_curves"],
        "embedding_map": ["describe_embedding_projection", "plot_embedding_projection"],
        "network": ["describe_change", "describe_network", "plot_network"],
        "feature_maps": [
            "describe_stage_maps",
            "render_map",
            "render_mosaic",
            "render_overlay",
            "render_patches",
        ],
        "layer_transfer": [
            "describe_layer_transfer",
            "plot_layer_transfer",
            "tabulate_layer_transfer",
        ],
        "network_drawing": [
            "LegendEntry",
            "NetworkDrawing",
            "Slab",
            "SlabState",
            "build_network_drawing",
            "build_source_drawing",
        ],
        "fine_tuning_gains": ["describe_fine_tuning_gains", "plot_fine_tuning_gains"],
        "options": [
            "describe_accuracy",
            "describe_expectation",
            "describe_expected_source",
            "describe_how_known",
            "describe_knowledge",
            "describe_options",
            "describe_seconds",
        ],
        "reliability": ["describe_reliability_diagram", "plot_reliability_diagram"],
        "similarity": [
            "describe_learning_curve",
            "describe_reference_distances",
            "describe_stage_accuracy",
            "plot_learning_curve",
            "plot_reference_distances",
            "plot_stage_accuracy",
        ],
        "theme": ["BLUE", "ORANGE", "apply_layout", "apply_theme"],
    },
)
