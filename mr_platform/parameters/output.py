"""Parameters of the result file and of the stream: the workbook's sheet OutputFormat."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from mr_platform.parameters.constraints import ParameterObject


@dataclass(frozen=True)
class OutputColumn:
    """A column of the result file: its type, whether it may be missing, what then stands there, how it is written."""

    name: str = field(metadata={"column": "ColumnName"})
    data_type: str = field(metadata={"column": "DataType"})
    required: bool = field(metadata={"column": "Required"})
    default: str = field(metadata={"column": "DefaultValue"})
    text_format: str = field(metadata={"column": "Format"})


@dataclass(frozen=True)
class OutputParameters(ParameterObject):
    """Format and compression of the result file and whether digests go with it; whether each bar is sent to listeners,
    and how many records at once; the file's ``columns``.
    """

    OBJECT: ClassVar[str] = "output"

    output_format: str
    compression: str
    include_metadata: bool
    realtime_streaming: bool
    batch_size: int
    columns: tuple[OutputColumn, ...]
