"""Timings. Nothing here is a test: a figure is for its reader to judge."""
