"""Which feature each column of the traffic is, and which of them the reference knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.config.model import FeatureConfig
from sidecar.payload.columns import Kind, Schema
from sidecar.profile.embedding import RowLayout, find_tensors, lay_out
from sidecar.profile.feature import FeatureSpec, Role
from sidecar.profile.reference import FeatureReference, Reference


@dataclass(frozen=True, slots=True)
class Naming:
    """The features of one role, in the order of the traffic's columns.

    Args:
        specs: F features.
        columns: one for each of the traffic's columns: a feature, or a component of an embedding.
        layout: how columns become features.
        names: payload column to the name in `columns`.
        known: for each feature its reference; None when it has to be learnt.
    """

    specs: tuple[FeatureSpec, ...]
    columns: tuple[FeatureSpec, ...]
    layout: RowLayout
    names: dict[str, str]
    known: tuple[FeatureReference | None, ...]


def name_columns(
    schema: Schema,
    role: Role,
    features: Sequence[str | FeatureConfig],
    prediction: str | None,
    reference: Reference | None,
    embedding_columns: int = 0,
) -> Naming:
    """Names the columns of a schema.

    An input is called what the configuration says (a text by position, an object by its column), else as in
    the payload. The first output is called `prediction` if that is configured; else, when the reference has
    exactly one output and no column bears its name, the first output is taken to be that one.

    The columns of one tensor are an embedding, a group of features in place of each column, when the
    configuration says so, or when there are many of them and neither the configuration nor the reference
    names one.

    Args:
        schema: columns of the first message.
        role: input for requests, output for responses.
        features: of the model's configuration.
        prediction: of the model's configuration.
        reference: given reference, if any.
        embedding_columns: a tensor of so many columns or more is an embedding; 0 for none that is not
            configured.

    Returns:
        The naming; names are unique.
    """
    wanted = _inputs(schema, features) if role == "input" else _outputs(schema, prediction, reference)
    embeddings = _embeddings(schema, features, set(wanted), reference, embedding_columns)
    columns: list[FeatureSpec] = []
    names: dict[str, str] = {}
    taken: set[str] = set()
    for column, kind in zip(schema.names, schema.kinds, strict=True):
        name, forced = wanted.get(column, (column, None))
        if name in taken:
            name = column
        names[column] = name
        taken.add(name)
        found = _known(name, role, prediction, reference)
        columns.append(FeatureSpec(name, role, found.spec.kind if found is not None else forced or kind))
    layout = lay_out(len(columns), embeddings)
    specs = layout.name_features(columns)
    known = tuple(_known(spec.name, role, prediction, reference) for spec in specs)
    return Naming(specs, tuple(columns), layout, names, known)


def _known(
    name: str, role: Role, prediction: str | None, reference: Reference | None
) -> FeatureReference | None:
    found = reference.feature(name) if reference is not None else None
    if found is not None and found.spec.role != role and name != prediction:
        return None
    return found


def _embeddings(
    schema: Schema,
    features: Sequence[str | FeatureConfig],
    named: set[str],
    reference: Reference | None,
    embedding_columns: int,
) -> list[tuple[str, int, int]]:
    """Name, first column and dimension of each embedding, in the order of the columns."""
    configured = {
        feature.column or feature.name: feature.name
        for feature in features
        if isinstance(feature, FeatureConfig) and feature.kind == "embedding"
    }
    known = {feature.spec.name for feature in reference.features} if reference is not None else set()
    chosen: list[tuple[str, int, int]] = []
    for tensor, (first, dimension) in find_tensors(schema).items():
        columns = set(schema.names[first : first + dimension])
        many = 0 < embedding_columns <= dimension and not columns & named and not columns & known
        if tensor in configured or many:
            chosen.append((configured.get(tensor, tensor), first, dimension))
    return chosen


def _inputs(schema: Schema, features: Sequence[str | FeatureConfig]) -> dict[str, tuple[str, Kind | None]]:
    wanted: dict[str, tuple[str, Kind | None]] = {}
    for place, feature in enumerate(features):
        if isinstance(feature, FeatureConfig):
            if feature.kind == "embedding":
                continue
            wanted[feature.column or feature.name] = (feature.name, feature.kind)
        elif place < len(schema.names):
            wanted[schema.names[place]] = (feature, None)
    return wanted


def _outputs(
    schema: Schema, prediction: str | None, reference: Reference | None
) -> dict[str, tuple[str, Kind | None]]:
    name = prediction
    if name is None and reference is not None:
        outputs = [feature.spec.name for feature in reference.features if feature.spec.role == "output"]
        if len(outputs) == 1 and outputs[0] not in schema.names:
            name = outputs[0]
    if name is None or not schema.names:
        return {}
    return {schema.names[0]: (name, None)}
