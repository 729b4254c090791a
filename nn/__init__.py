"""Neural networks on top of `microgradnd`."""
