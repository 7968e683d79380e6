"""From the digitizer to events.

`instrument` and `presets` describe instruments; `source` opens streams of `block`s by URL: `trace_source` a recording,
`atom_record` the public ATOM record, the simulator through its entry point. `trace` reads and writes recordings,
`recorder` makes them from a running stream, and `inspection` says what is in one. `detection` finds `event`s, with one
detector for each kind of instrument. `testing` holds what every source must keep to.
"""
