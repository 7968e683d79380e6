"""Windows and images of events in HDF5 files that grow."""
