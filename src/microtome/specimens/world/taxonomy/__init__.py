"""The kind *taxonomy*: a tree of concepts, three forms of each noun, classes across the tree."""

from microtome.specimens.world.taxonomy.documents import document, held_out
from microtome.specimens.world.taxonomy.tree import (
    FORMS,
    Form,
    NounClass,
    asked_forms,
    attributes,
    classes,
    forms,
    held_out_form,
    lineage,
    plural,
    tree,
)

__all__ = [
    "FORMS",
    "Form",
    "NounClass",
    "asked_forms",
    "attributes",
    "classes",
    "document",
    "forms",
    "held_out",
    "held_out_form",
    "lineage",
    "plural",
    "tree",
]
