"""Features: augmented inputs, and embeddings that are computed once and cached."""
