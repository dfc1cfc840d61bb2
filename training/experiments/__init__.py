"""Executable checks of published training methods: each file measures one effect beside its null control."""
