"""What can go wrong while runs are controlled, stored and asked about."""

from acquisition.errors import LightlineError


class RunStateError(LightlineError, RuntimeError):
    """The run, or the service, is not in a state that allows this; the sentence says which states do."""


class SetComplete(RunStateError):
    """There is nothing to be done for a result set any more."""


class OperatorHolds(LightlineError, RuntimeError):
    """Somebody else has the controls."""


class UnknownRun(LightlineError, LookupError):
    """There is no run of that id."""


class UnknownResults(LightlineError, LookupError):
    """The run has no result set of that name."""


class UnknownSequence(LightlineError, LookupError):
    """The service has begun no sequence of that id."""


class UnknownTask(LightlineError, LookupError):
    """The service remembers no task of that id."""


class UnknownCell(LightlineError, LookupError):
    """The run has no event of that id, or not the part of it that was asked for."""


class QueryError(LightlineError, ValueError):
    """A filter, field or cursor does not make sense."""


class UnknownModel(LightlineError, LookupError):
    """The service has no model of that name or version."""


class UnknownGate(LightlineError, LookupError):
    """The run has no gate of that name."""


class StaleGate(LightlineError, RuntimeError):
    """Somebody changed the gate since it was looked at."""


class RunFolderError(LightlineError, ValueError):
    """A run folder cannot be read: missing or damaged."""


class StorageError(LightlineError, OSError):
    """A run folder cannot be written to any more; what it had stored stays readable."""


class ClusterError(LightlineError, RuntimeError):
    """Other processes or computers did not do their part; what was sealed stays, and the same command goes on."""


class AddressInUse(LightlineError, OSError):
    """The port asked for is taken."""
