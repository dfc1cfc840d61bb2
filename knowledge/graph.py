"""A typed knowledge graph in memory: nodes with names and aliases, directed edges with relation, weight and source.

Neighbours lie in compressed rows (numpy), so that a breadth-first level over a hub costs one gather, not one step per
edge. Searches read the graph as undirected; each edge keeps its own direction for what is said about it.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cases.errors import KnowledgeError

COLUMNS = ("head_id", "head", "head_type", "relation", "tail_id", "tail", "tail_type", "weight", "source")
Numbers = NDArray[np.int32]


class Node(NamedTuple):
    """An entity: its id in its own vocabulary, its name, its type (disease, phenotype, drug ...)."""

    id: str
    name: str
    type: str


class Edge(NamedTuple):
    """A statement: head - relation -> tail. `weight` is 1 where the source gives none."""

    head: Node
    relation: str
    tail: Node
    weight: float = 1.0
    source: str = ""


class KnowledgeGraph:
    """Nodes by number; `indptr`, `neighbours`, `edge_numbers` hold both directions of every edge.

    Made by `KnowledgeGraph.of_edges`; never changed afterwards: `without` gives another graph.
    """

    def __init__(self, nodes: pd.DataFrame, edges: pd.DataFrame, aliases: dict[str, tuple[str, ...]]):
        self._nodes, self._edges, self.aliases = nodes, edges, aliases
        self._node_rows = [Node(*row) for row in zip(nodes["id"], nodes["name"], nodes["type"], strict=True)]
        count = len(nodes)
        heads, tails = edges["head"].to_numpy(np.int32), edges["tail"].to_numpy(np.int32)
        self._heads, self._tails = heads, tails
        ends = np.concatenate([heads, tails])
        order = np.argsort(ends, kind="stable")
        self.neighbours: Numbers = np.concatenate([tails, heads])[order]
        self.edge_numbers: Numbers = np.tile(np.arange(len(edges), dtype=np.int32), 2)[order]
        self.indptr = np.zeros(count + 1, dtype=np.int64)
        np.cumsum(np.bincount(ends, minlength=count), out=self.indptr[1:])

    @classmethod
    def of_edges(cls, frame: pd.DataFrame, aliases: dict[str, tuple[str, ...]] | None = None) -> "KnowledgeGraph":
        """From a table with COLUMNS (weight and source may be absent). The first name and type of an id count.

        Self-loops and repeated statements are dropped. Raises KnowledgeError for missing columns and no edge.
        """
        missing = [name for name in COLUMNS[:7] if name not in frame.columns]
        if missing:
            raise KnowledgeError(
                f"a table of edges lacks {', '.join(missing)}", remedy=f"columns: {', '.join(COLUMNS)}"
            )
        frame = frame[frame["head_id"] != frame["tail_id"]].drop_duplicates(["head_id", "relation", "tail_id"])
        if frame.empty:
            raise KnowledgeError("the graph has no edge", remedy=f"give rows with {', '.join(COLUMNS)}")
        codes, ids = pd.factorize(pd.concat([frame["head_id"], frame["tail_id"]], ignore_index=True))
        names = pd.concat([frame["head"], frame["tail"]], ignore_index=True)
        types = pd.concat([frame["head_type"], frame["tail_type"]], ignore_index=True)
        first = np.zeros(len(ids), dtype=np.int64)
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        nodes = pd.DataFrame(
            {"id": np.asarray(ids), "name": names.to_numpy()[first], "type": types.to_numpy()[first]}, dtype=object
        )
        size = len(frame)
        edges = pd.DataFrame(
            {
                "head": codes[:size].astype(np.int32),
                "tail": codes[size:].astype(np.int32),
                "relation": frame["relation"].astype("category").to_numpy(),
                "weight": frame["weight"].fillna(1.0).to_numpy() if "weight" in frame else np.ones(size),
                "source": frame["source"].fillna("").to_numpy() if "source" in frame else np.full(size, ""),
            }
        )
        return cls(nodes, edges, aliases or {})

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def edge_count(self) -> int:
        return len(self._edges)

    @property
    def relations(self) -> dict[str, int]:
        """Relation -> number of edges."""
        return {str(name): int(count) for name, count in self._edges["relation"].value_counts().items()}

    @property
    def types(self) -> dict[str, int]:
        """Type -> number of nodes."""
        return {str(name): int(count) for name, count in self._nodes["type"].value_counts().items()}

    @property
    def degrees(self) -> NDArray[np.int64]:
        """Edges at each node, in either direction."""
        return np.diff(self.indptr)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self._nodes["id"])}

    def number(self, node_id: str) -> int:
        """The number of a node. Raises KnowledgeError if there is none."""
        found = self._numbers.get(node_id)
        if found is None:
            raise KnowledgeError(
                f"no node has the id {node_id!r}", remedy="link the name first: wardround knowledge link"
            )
        return found

    def __contains__(self, node_id: str) -> bool:
        return node_id in self._numbers

    def node(self, number: int) -> Node:
        return self._node_rows[int(number)]

    def nodes(self, kind: str | None = None) -> list[Node]:
        """Every node, or those of one type."""
        return [node for node in self._node_rows if kind is None or node.type == kind]

    def edge(self, number: int) -> Edge:
        relations, weights, sources = self._edge_columns
        head, tail = self._node_rows[self._heads[number]], self._node_rows[self._tails[number]]
        return Edge(head, str(relations[number]), tail, float(weights[number]), str(sources[number]))

    @cached_property
    def _edge_columns(self) -> tuple[NDArray[np.object_], NDArray[np.float64], NDArray[np.object_]]:
        edges = self._edges
        return (
            edges["relation"].to_numpy(object),
            edges["weight"].to_numpy(np.float64),
            edges["source"].to_numpy(object),
        )

    def edges_between(self, left: int, right: int) -> list[Edge]:
        """Every edge between two nodes, in either direction."""
        if self.indptr[right + 1] - self.indptr[right] < self.indptr[left + 1] - self.indptr[left]:
            left, right = right, left
        row = slice(self.indptr[left], self.indptr[left + 1])
        return [self.edge(number) for number in self.edge_numbers[row][self.neighbours[row] == right]]

    def expand(self, frontier: Numbers, allowed: NDArray[np.bool_] | None = None) -> tuple[Numbers, Numbers]:
        """(place in the frontier, neighbour) for every edge at the frontier; `allowed` marks the edges to use."""
        starts, ends = self.indptr[frontier], self.indptr[frontier + 1]
        counts = ends - starts
        places = np.repeat(np.arange(len(frontier), dtype=np.int32), counts)
        offsets = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = np.repeat(starts, counts) + offsets
        if allowed is not None:
            kept = allowed[self.edge_numbers[rows]]
            rows, places = rows[kept], places[kept]
        return places, self.neighbours[rows]

    def edges_of(self, relations: Collection[str]) -> NDArray[np.bool_]:
        """Which edges have one of the relations, for `expand`."""
        return self._edges["relation"].isin(list(relations)).to_numpy()

    def neighbours_of(
        self, number: int, relations: Collection[str] | None = None, *, is_out: bool | None = None
    ) -> Numbers:
        """Numbers of the neighbours; `is_out` keeps edges that leave (True) or reach (False) the node."""
        row = slice(self.indptr[number], self.indptr[number + 1])
        found, edges = self.neighbours[row], self.edge_numbers[row]
        keep = np.ones(len(found), dtype=bool)
        if relations is not None:
            keep &= self._edges["relation"].iloc[edges].isin(list(relations)).to_numpy()
        if is_out is not None:
            keep &= (self._heads[edges] == number) == is_out
        return np.unique(found[keep])

    def pairs(self, relation: str, head_type: str, tail_type: str) -> tuple[Numbers, Numbers]:
        """Numbers of the heads and of the tails of the edges with that relation between those types."""
        kinds = self._nodes["type"].to_numpy(object)
        is_of_types = (kinds[self._heads] == head_type) & (kinds[self._tails] == tail_type)
        keep = is_of_types & (self._edges["relation"] == relation).to_numpy()
        return self._heads[keep], self._tails[keep]

    def without(self, removed: Iterable[int]) -> "KnowledgeGraph":
        """The graph without those nodes and their edges; the other nodes keep their ids, not their numbers."""
        keep = np.ones(len(self), dtype=bool)
        keep[list(removed)] = False
        renumbered = np.cumsum(keep) - 1
        edges = self._edges[keep[self._heads] & keep[self._tails]].copy()
        edges["head"] = renumbered[edges["head"].to_numpy()].astype(np.int32)
        edges["tail"] = renumbered[edges["tail"].to_numpy()].astype(np.int32)
        return KnowledgeGraph(self._nodes[keep].reset_index(drop=True), edges.reset_index(drop=True), self.aliases)


def edge_frame(rows: Sequence[Sequence[object]]) -> pd.DataFrame:
    """Rows in the order of COLUMNS (weight and source may be left out) as a table of edges."""
    width = max((len(row) for row in rows), default=len(COLUMNS))
    return pd.DataFrame(rows, columns=list(COLUMNS[:width]))
