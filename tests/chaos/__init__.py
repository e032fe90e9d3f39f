"""Crashes on order: servers and processes that die, and the invariants that must hold."""
