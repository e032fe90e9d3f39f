"""Leaves, loaded only when used."""
