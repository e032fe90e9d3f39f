"""How each provider is spoken to: a leaf, loaded when one is first asked or replayed."""
