-- Everything of flowsentry's own but the two tables that people look at. Applied once, recorded, never edited afterwards.

CREATE TABLE flowsentry.migrations (
    number      integer PRIMARY KEY,
    name        text NOT NULL,
    checksum    text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE flowsentry.migrations IS 'The files of sql/ that were applied.';
COMMENT ON COLUMN flowsentry.migrations.checksum IS 'SHA-256 of the file as it was applied, in hexadecimal.';

CREATE TABLE flowsentry.tables (
    schema_name  text NOT NULL,
    table_name   text NOT NULL,
    purpose      text NOT NULL CHECK (purpose IN ('source', 'sink')),
    origin       text NOT NULL CHECK (origin IN ('created', 'adopted')),
    recorded_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (schema_name, table_name)
);
COMMENT ON TABLE flowsentry.tables IS 'The tables that packets come from and flows go to.';
COMMENT ON COLUMN flowsentry.tables.origin IS
    'created: made by flowsentry, which also makes and drops its partitions. adopted: was there before.';

CREATE TABLE flowsentry.checkpoint (
    source_id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_name           text NOT NULL UNIQUE,
    epoch                 bigint NOT NULL DEFAULT 0,
    number                bigint NOT NULL DEFAULT 0,
    generation            integer NOT NULL DEFAULT 1,
    position              bytea NOT NULL DEFAULT '',
    settled               bytea NOT NULL DEFAULT '',
    position_high         bigint NOT NULL DEFAULT 0,
    watermark             bigint NOT NULL DEFAULT 0,
    system_identifier     bigint,
    timeline              integer,
    server_started        timestamptz,
    table_oid             oid,
    sequence_oid          oid,
    sequence_filenode     oid,
    sequence_last_value   bigint,
    last_row_fingerprint  bytea,
    updated_at            timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE flowsentry.checkpoint IS
    'Where each source stands. Moves only in the transaction that stores the flows it stands for.';
COMMENT ON COLUMN flowsentry.checkpoint.source_name IS '[source] name of the settings.';
COMMENT ON COLUMN flowsentry.checkpoint.epoch IS 'Counts the owners; an owner of an earlier epoch can store nothing.';
COMMENT ON COLUMN flowsentry.checkpoint.number IS
    'Counts the store transactions; the revision of late and partial rows in the table of flows.';
COMMENT ON COLUMN flowsentry.checkpoint.generation IS 'Counts how often the ids began anew (TRUNCATE … RESTART IDENTITY, restore).';
COMMENT ON COLUMN flowsentry.checkpoint.position IS 'The set of packet ids that were consumed, encoded.';
COMMENT ON COLUMN flowsentry.checkpoint.settled IS
    'The part of the position whose packets are in stored flows whatever happens next, encoded.';
COMMENT ON COLUMN flowsentry.checkpoint.position_high IS 'The highest packet id of the position.';
COMMENT ON COLUMN flowsentry.checkpoint.watermark IS 'Event time up to which windows are closed, in µs since 1970.';
COMMENT ON COLUMN flowsentry.checkpoint.system_identifier IS
    'Of the server with the packets, as the columns below: another one means that ids may mean other packets.';
COMMENT ON COLUMN flowsentry.checkpoint.timeline IS 'Changes when a standby takes over or a backup is restored.';
COMMENT ON COLUMN flowsentry.checkpoint.sequence_filenode IS 'Changes when the ids begin anew.';
COMMENT ON COLUMN flowsentry.checkpoint.last_row_fingerprint IS 'Of the packet with the highest id, to know it again.';

CREATE TABLE flowsentry.rejected_packets (
    source_id    integer NOT NULL,
    generation   integer NOT NULL,
    packet_id    bigint NOT NULL,
    reason       text NOT NULL,
    column_name  text NOT NULL,
    value        text,
    rejected_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (source_id, generation, packet_id)
);
COMMENT ON TABLE flowsentry.rejected_packets IS
    'Packets that could not be used and are in no flow. The newest are kept, [store] rejected_rows_max of them.';
COMMENT ON COLUMN flowsentry.rejected_packets.column_name IS 'The column whose value is the reason.';
COMMENT ON COLUMN flowsentry.rejected_packets.value IS 'That value, cut off where it is long.';
