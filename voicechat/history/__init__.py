"""What was said, kept on disk. Knows nothing of engines, devices or the screen."""
