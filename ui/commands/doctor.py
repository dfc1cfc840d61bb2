"""`wardround doctor`: what works here, and how to mend the rest."""

import typer


def doctor() -> None:
    """Check settings, models, engines and index. Exit code 1 when something does not work."""
    from cases.settings import load_settings
    from models.doctor import diagnose

    checks = diagnose(load_settings())
    for check in checks:
        typer.echo(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.detail}")
        if not check.ok and check.remedy:
            typer.echo(f"     -> {check.remedy}")
    raise typer.Exit(0 if all(check.ok for check in checks) else 1)
