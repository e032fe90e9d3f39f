"""Anthropic's Messages API, as strict as the real one."""
