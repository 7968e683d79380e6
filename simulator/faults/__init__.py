"""What goes wrong between a digitizer and its reader, on purpose and counted.

`schedule` says when a fault happens, `fault` what every fault is made of; `losses`, `signal`, `contents`, `cuts`,
`timing` and `ends` hold the kinds, `registry` their names. `grammar` reads `drop:rate=1e-4,late:every=2s:by=0.3s`, and
`faulty_source` wraps any source in the faults it is given.
"""
