"""What can go wrong between a digitizer and an event; each message is the one sentence the user reads."""


class LightlineError(Exception):
    """Base of every error that a user can cause or mend; its text is one sentence with the remedy."""


class ConfigError(LightlineError, ValueError):
    """A setting, preset, instrument description or source URL does not make sense."""


class TraceError(LightlineError, ValueError):
    """A recording cannot be read: missing, damaged, or not of the documented format."""


class ProtocolError(LightlineError, ValueError):
    """What came over the network is not of the documented protocol."""


class RecordingStopped(LightlineError, OSError):
    """The recorder could not write any more; what it had written stays readable."""


class SourceError(LightlineError):
    """Base of what a running source may report."""


class SourceTimeout(SourceError, TimeoutError):
    """No samples arrived in the time allowed; the source is idle, not ended, and may be read again."""


class Overrun(SourceError):
    """The digitizer lost samples and stopped; this epoch is over and `start` begins the next one."""


class DeviceLost(SourceError):
    """The digitizer or its connection is gone; it has to be opened again."""


class BadStream(SourceError):
    """The source gives what does not fit its own instrument or clock; its driver has to be mended."""


class EndOfStream(SourceError):
    """A finite source has given all its samples."""
