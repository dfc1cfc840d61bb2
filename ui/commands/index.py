"""`wardround index`: the search index of the default corpus."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The search index: build, info, search.")


@app.command("build")
def build(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build it again, whatever is there.")] = False,
) -> None:
    """Build the default index if it is not there or damaged, and say where it is."""
    from cases.settings import load_settings
    from retrieval.search import ensure_default_index
    from ui.progress import announce

    settings = load_settings()
    searcher = ensure_default_index(settings, announce, is_rebuilt=rebuild)
    typer.echo(f"{searcher.manifest_id} in {settings.indexes_dir}")


@app.command("info")
def info() -> None:
    """The indexes on this machine: what each was made from."""
    import json

    from cases.errors import SearchIndexError
    from cases.settings import load_settings

    settings = load_settings()
    found = sorted(settings.indexes_dir.glob("*/manifest.json"))
    if not found:
        raise SearchIndexError("no index here", where=str(settings.indexes_dir), remedy="wardround index build")
    for path in found:
        typer.echo(f"{path.parent.name}:")
        for name, value in json.loads(path.read_text(encoding="utf-8")).items():
            typer.echo(f"  {name}: {value if not isinstance(value, dict | list) else json.dumps(value)[:200]}")


@app.command("search")
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int, typer.Option("-k", "--top", min=1, max=64, help="How many.")] = 4,
) -> None:
    """Search the default index, as an agent would."""
    from cases.settings import load_settings
    from retrieval.search import ensure_default_index

    for number, item in enumerate(ensure_default_index(load_settings()).search(query, k), start=1):
        scores = ", ".join(f"{name} {score:.3g}" for name, score in item.scores.items())
        typer.echo(f"{number}. {item.title}  [{item.id}]  {item.source}")
        typer.echo(f"   {' '.join(item.text.split())[:300]}")
        typer.echo(f"   score {item.score:.3g} ({scores})")
