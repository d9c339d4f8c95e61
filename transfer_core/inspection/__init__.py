"""What a finished run knows: predictions, mistakes, calibration, attribution, comparison."""
