"""Mini-Omni in plain torch: features and token ids in, token ids and audio out. Knows nothing of turns or devices."""
