"""Finds out what keeps a machine from talking: probes that try, not guess, each in a process that may hang or crash."""
