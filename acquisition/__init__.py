"""From the digitizer to events.

`instrument` and `presets` describe instruments; `source` opens streams of `block`s by URL: `trace_source` a recording,
`atom_record` the public ATOM record, the simulator through its entry point. `trace` reads and writes recordings and
`recorder` makes them from a running stream. `detection` finds `event`s, with one detector for each kind of instrument.
"""
