"""Which feature each column of the traffic is, and which of them the reference knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.config.model import FeatureConfig
from sidecar.payload.columns import Kind, Schema
from sidecar.profile.feature import FeatureSpec, Role
from sidecar.profile.reference import FeatureReference, Reference


@dataclass(frozen=True, slots=True)
class Naming:
    """The features of one role, in the order of the traffic's columns.

    Args:
        specs: F features.
        names: payload column to feature name.
        known: for each feature its reference; None when it has to be learnt.
    """

    specs: tuple[FeatureSpec, ...]
    names: dict[str, str]
    known: tuple[FeatureReference | None, ...]


def name_columns(
    schema: Schema,
    role: Role,
    features: Sequence[str | FeatureConfig],
    prediction: str | None,
    reference: Reference | None,
) -> Naming:
    """Names the columns of a schema.

    An input is called what the configuration says (a text by position, an object by its column), else as in
    the payload. The first output is called `prediction` if that is configured; else, when the reference has
    exactly one output and no column bears its name, the first output is taken to be that one.

    Args:
        schema: columns of the first message.
        role: input for requests, output for responses.
        features: of the model's configuration.
        prediction: of the model's configuration.
        reference: given reference, if any.

    Returns:
        The naming; names are unique.
    """
    wanted = _inputs(schema, features) if role == "input" else _outputs(schema, prediction, reference)
    specs: list[FeatureSpec] = []
    known: list[FeatureReference | None] = []
    names: dict[str, str] = {}
    for column, kind in zip(schema.names, schema.kinds, strict=True):
        name, forced = wanted.get(column, (column, None))
        if name in names.values():
            name = column
        names[column] = name
        found = reference.feature(name) if reference is not None else None
        if found is not None and found.spec.role != role and name != prediction:
            found = None
        specs.append(FeatureSpec(name, role, found.spec.kind if found is not None else forced or kind))
        known.append(found)
    return Naming(tuple(specs), names, tuple(known))


def _inputs(schema: Schema, features: Sequence[str | FeatureConfig]) -> dict[str, tuple[str, Kind | None]]:
    wanted: dict[str, tuple[str, Kind | None]] = {}
    for place, feature in enumerate(features):
        if isinstance(feature, FeatureConfig):
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
