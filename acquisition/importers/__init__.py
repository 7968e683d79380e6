"""Recordings of other programs, each as a recording of ours and so as a source.

`foreign`: what every reader gives; `raw`, `sigmf`, `sbench6`, `lecroy`, `wavedump`, `tdms`: one reader a format;
`instruments`: the instrument that such a file lacks; `imported`: file and instrument as a recording; `openers`: the
entry points; `recognise`: which format a file has; `report`: what is in a file before an instrument is named;
`sigmf_export`: any source into a SigMF recording.
"""
