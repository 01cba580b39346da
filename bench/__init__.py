"""Each figure beside its baseline, in one run."""
