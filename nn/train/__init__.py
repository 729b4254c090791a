"""Training: `fit`, and what may be added to it."""
