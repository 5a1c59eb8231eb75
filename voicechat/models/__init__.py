"""Models in plain torch: tensors in, tensors out. Knows nothing of turns, devices, events or the configuration."""
