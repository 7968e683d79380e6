"""Results that people take home: the rows, pictures and samples of a run in one file of their own program's format.

- `selection`: what of a run is wanted; `columns` its rows without lists, `about` what is said of the run beside them
- `exporter`: what a format has to do; `formats` lists them, `destination` writes one to a file, whole or not at all
- tables: `parquet_table`, `csv_table`, `fcs` (with `fcs_layout`), `h5ad`
- pictures: `image_file` (HDF5), `ome_tiff`; both are `rtdc`; `growing_h5` is what HDF5 files grow by
- samples: `sigmf`
"""
