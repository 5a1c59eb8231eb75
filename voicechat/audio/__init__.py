"""Audio in and out: devices, files, rates, codecs. Knows nothing of engines, voice activity or turns."""
