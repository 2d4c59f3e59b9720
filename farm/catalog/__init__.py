"""The model catalog: hierarchical YAML, merged by layers, checked against a schema.

farm/catalog/models/*.yaml   what is shipped           settings.catalog     the farm's own files
environments: {NAME: …}      overlays, in any file     FARM_CATALOG__…      single values
"""

from farm.catalog.adapters import AdapterEntry
from farm.catalog.loading import Catalog, load_catalog
from farm.catalog.pool import KubernetesScale, PoolEntry, Scaling, Sharding
from farm.catalog.schema import Limits, ModelEntry, SizeShift
from farm.catalog.source import Source

__all__ = [
    "AdapterEntry",
    "Catalog",
    "KubernetesScale",
    "Limits",
    "ModelEntry",
    "PoolEntry",
    "Scaling",
    "Sharding",
    "SizeShift",
    "Source",
    "load_catalog",
]
