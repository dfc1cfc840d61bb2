"""`wardround settings`: what is in force."""

import typer


def settings() -> None:
    """The settings in force: defaults, then wardround.toml, then WARDROUND_* variables."""
    from cases.settings import Settings, load_settings

    found = load_settings()
    for name in Settings.model_fields:
        value = getattr(found, name)
        changed = "  (set)" if name in found.model_fields_set else ""
        typer.echo(f"{name} = {value}{changed}")
