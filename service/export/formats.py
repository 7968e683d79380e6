"""The formats that there are, by name."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module

from service.export.exporter import Exporter


class Format(StrEnum):
    """What a run can be exported as."""

    FCS = "fcs"
    """FCS 3.1, for programs of flow cytometry."""
    RTDC = "rtdc"
    """HDF5 of deformability cytometry, for dclab and Shape-Out."""
    PARQUET = "parquet"
    CSV = "csv"
    ANNDATA = "anndata"
    """`.h5ad`, for scanpy."""
    OME_TIFF = "ome-tiff"
    """Images and volumes, for Fiji, napari and QuPath."""
    HDF5 = "hdf5"
    """Images and volumes as the run folder's own, restored or prepared if asked."""
    SIGMF = "sigmf"
    """The raw samples."""


_EXPORTERS = {
    Format.FCS: "service.export.fcs:FcsExporter",
    Format.RTDC: "service.export.rtdc:RtdcExporter",
    Format.PARQUET: "service.export.parquet_table:ParquetExporter",
    Format.CSV: "service.export.csv_table:CsvExporter",
    Format.ANNDATA: "service.export.h5ad:AnnDataExporter",
    Format.OME_TIFF: "service.export.ome_tiff:OmeTiffExporter",
    Format.HDF5: "service.export.image_file:ImageFileExporter",
    Format.SIGMF: "service.export.sigmf:SigmfExporter",
}


def exporter_for(kind: Format) -> Exporter:
    """Return what writes a format; its libraries are imported now."""
    module, _, name = _EXPORTERS[kind].partition(":")
    exporter: Exporter = getattr(import_module(module), name)()
    return exporter
