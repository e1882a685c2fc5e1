"""Hardware in: template schema, the template library, accelerator specs, technology."""

from .accelerator import (
    Accelerator,
    Axis,
    Memory,
    Precision,
    Skew,
    SubAccelerator,
    VectorUnit,
)
from .describe import describe_template
from .errors import SpecError
from .parameters import Parameter
from .spec import load_spec, spec_names
from .template import Template, is_template, load_template, template_names

__all__ = [
    "Accelerator",
    "Axis",
    "Memory",
    "Parameter",
    "Precision",
    "Skew",
    "SpecError",
    "SubAccelerator",
    "Template",
    "VectorUnit",
    "describe_template",
    "is_template",
    "load_spec",
    "load_template",
    "spec_names",
    "template_names",
]
