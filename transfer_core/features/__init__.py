"""What a network makes of pixels: augmented inputs and embeddings, computed once and cached."""
