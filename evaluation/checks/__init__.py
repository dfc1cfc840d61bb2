"""Executable checks of published systems: one module each, with `check() -> {passed, measured, scale}`."""
