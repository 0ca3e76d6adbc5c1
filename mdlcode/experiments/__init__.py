"""Experiments: several codes on one data set, results on disk."""
