"""Every name that leaves this system as telemetry: metrics, spans, attributes. Nothing else may spell one.

Messaging names follow OpenTelemetry's semantic conventions for messaging 1.44, which are still "development":
when they move, they move here.
"""

from typing import Final

# --- trace context in record headers (W3C Trace Context) ------------------------------------------------------------
TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"

# --- span names are operation first, then the topic -----------------------------------------------------------------
OPERATION_PROCESS: Final = "process"
OPERATION_SEND: Final = "send"

# --- span attributes ------------------------------------------------------------------------------------------------
MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_OPERATION_NAME: Final = "messaging.operation.name"
MESSAGING_OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGING_DESTINATION: Final = "messaging.destination.name"
MESSAGING_GROUP: Final = "messaging.consumer.group.name"
MESSAGING_BATCH_COUNT: Final = "messaging.batch.message_count"
ERROR_TYPE: Final = "error.type"

SERVICE_NAME: Final = "service.name"
SERVICE_INSTANCE: Final = "service.instance.id"

# --- metrics of a stage, as Prometheus spells them; labels in the comment -------------------------------------------
BATCHES: Final = "avm_stage_batches_total"
MESSAGES: Final = "avm_stage_messages_total"
RECORDS_SENT: Final = "avm_stage_records_sent_total"
DEAD_LETTERS: Final = "avm_stage_dead_letters_total"  # class
SILENCES: Final = "avm_stage_silences_total"  # reason
RETRIES: Final = "avm_stage_retries_total"
STALE: Final = "avm_stage_stale_messages_total"
FORGOTTEN: Final = "avm_stage_forgotten_messages_total"
BATCH_SIZE: Final = "avm_stage_batch_messages"
STAGE_LATENCY: Final = "avm_stage_latency_seconds"
HANDLE_SECONDS: Final = "avm_stage_handle_seconds"
PUBLISH_SECONDS: Final = "avm_stage_publish_seconds"
WINDOW_MESSAGES: Final = "avm_stage_window_messages"
WINDOW_BYTES: Final = "avm_stage_window_bytes"
OLDEST_WAITING: Final = "avm_stage_oldest_waiting_seconds"
TIME_LAG: Final = "avm_stage_time_lag_seconds"
COMMIT_AGE: Final = "avm_stage_commit_age_seconds"
ASSIGNED_PARTITIONS: Final = "avm_stage_assigned_partitions"
REBALANCES: Final = "avm_stage_rebalances_total"
REFERENCE_READY: Final = "avm_reference_ready"  # view
REFERENCE_CHANGES: Final = "avm_reference_changes_total"  # view
REFERENCE_UNDECODABLE: Final = "avm_reference_undecodable_total"  # view
READY: Final = "avm_ready"
