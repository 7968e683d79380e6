"""What some columns are called in files of flow cytometry: exports and gates must agree, so that they go together."""

FCS_NAMES = {
    "event_id": "EventID",
    "trigger_tick": "TriggerTick",
    "time_s": "Time",
    "cluster": "Cluster",
    "class": "Class",
    "novelty": "Novelty",
}
COLUMNS = {name: column for column, name in FCS_NAMES.items()}
