"""Benchmarks: each measures one claim of the README, beside a baseline in the same run."""
