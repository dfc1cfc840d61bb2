"""`wardround doctor`: what works here, and how to mend the rest."""

from typing import Annotated

import typer


def doctor(
    engine: Annotated[bool, typer.Option("--engine", help="Also load the models and ask each for a token.")] = False,
) -> None:
    """Check settings, models, engines and index. Exit code 1 when something does not work."""
    from cases.settings import load_settings
    from models.doctor import diagnose

    checks = diagnose(load_settings(), with_engine=engine)
    for check in checks:
        typer.echo(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.detail}")
        if not check.ok and check.remedy:
            typer.echo(f"     -> {check.remedy}")
    raise typer.Exit(0 if all(check.ok for check in checks) else 1)
