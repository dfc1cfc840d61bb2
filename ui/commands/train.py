"""`wardround train`: thin doors to the trainers, which have their own options."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="Train on exported trajectories and images.")
_PASS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command("sft")
def sft(
    rows: Annotated[Path, typer.Argument(help="Rows of `wardround trajectories export --format trl`.")],
    out: Annotated[Path, typer.Option(help="Folder of the adapter.")],
    base: Annotated[str, typer.Option(help="Entry of the manifest, or a folder or hub id, that is adapted.")],
    epochs: Annotated[float, typer.Option(min=0.0)] = 1.0,
    max_steps: Annotated[int, typer.Option(help="Stop there; -1: the epochs decide.")] = -1,
    learning_rate: Annotated[float, typer.Option()] = 2e-4,
    validation: Annotated[Path | None, typer.Option(help="Rows that are only measured.")] = None,
) -> None:
    """Supervised fine-tuning of a LoRA adapter."""
    from cases.errors import WeightsError
    from cases.settings import load_settings
    from models.manifest import resolve
    from training.sft import SFTSettings, train_sft
    from training.weights import trainable_folder

    models_dir = load_settings().models_dir
    try:
        folder: Path | str = trainable_folder(resolve(base, models_dir))
    except WeightsError:
        if not Path(base).is_dir() and "/" not in base:
            raise
        folder = base
    card = train_sft(
        folder, rows, out, SFTSettings(epochs=epochs, max_steps=max_steps, learning_rate=learning_rate),
        validation_rows=validation, base=base,
    )  # fmt: skip
    typer.echo(card.model_dump_json(indent=1))


@app.command("tower", context_settings=_PASS)
def tower(ctx: typer.Context) -> None:
    """The image-text tower. Options: `wardround train tower --help`."""
    from training.tower import main

    _run(main, ctx.args)


@app.command("vlm", context_settings=_PASS)
def vlm(ctx: typer.Context) -> None:
    """The embedded vision-language model. Options: `wardround train vlm --help`."""
    from training.vlm import main

    _run(main, ctx.args)


def _run(function: Callable[..., Any], arguments: list[str]) -> None:
    inner = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    inner.command()(function)
    inner(args=arguments, standalone_mode=False)
