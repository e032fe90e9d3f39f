"""Mistakes that a maintainer could make, each a patch that must turn tests red."""
