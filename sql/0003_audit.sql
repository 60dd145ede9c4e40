-- What the audit compares the table of packets with: how many rows of each block of ids were consumed, and the sums.

CREATE TABLE flowsentry.consumed_ids (
    source_id     integer NOT NULL,
    generation    integer NOT NULL,
    block         bigint NOT NULL,
    rows          bigint NOT NULL,
    audited_rows  bigint,
    never_read    bigint NOT NULL DEFAULT 0,
    audited_at    timestamptz,
    PRIMARY KEY (source_id, generation, block)
) WITH (fillfactor = 50);
COMMENT ON TABLE flowsentry.consumed_ids IS
    'How many packets of each block of 65,536 ids were consumed. Moves with the checkpoint; blocks without packets are removed.';
COMMENT ON COLUMN flowsentry.consumed_ids.block IS 'Number of the block: packet id / 65536, rounded down.';
COMMENT ON COLUMN flowsentry.consumed_ids.rows IS 'Packets consumed, those included that could not be used.';
COMMENT ON COLUMN flowsentry.consumed_ids.audited_rows IS 'Value of rows at the last audit; NULL before the first.';
COMMENT ON COLUMN flowsentry.consumed_ids.never_read IS
    'Packets that the last audit found beyond those consumed: they came past every lock and are in no flow.';

-- All NULL or 0 until the first checkpoint that counts.
ALTER TABLE flowsentry.checkpoint
    ADD COLUMN audit_from bigint,
    ADD COLUMN counted_since bigint,
    ADD COLUMN consumed bigint NOT NULL DEFAULT 0,
    ADD COLUMN rejected bigint NOT NULL DEFAULT 0,
    ADD COLUMN stored bigint NOT NULL DEFAULT 0,
    ADD COLUMN open bigint,
    ADD COLUMN gone bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN flowsentry.checkpoint.audit_from IS 'Packets of lower ids were not counted and are not audited.';
COMMENT ON COLUMN flowsentry.checkpoint.counted_since IS
    'Number of the checkpoint from which on packets are counted, in the columns below; 0: from the first packet on.';
COMMENT ON COLUMN flowsentry.checkpoint.consumed IS 'Packets consumed = rejected + stored + open + gone, at any time.';
COMMENT ON COLUMN flowsentry.checkpoint.rejected IS 'Packets that could not be used.';
COMMENT ON COLUMN flowsentry.checkpoint.stored IS 'Packets of stored flows.';
COMMENT ON COLUMN flowsentry.checkpoint.open IS 'Packets of windows that were open: they are read again after a start.';
COMMENT ON COLUMN flowsentry.checkpoint.gone IS
    'Packets of open windows that were not there any more when they had to be read again: truncated or deleted too early.';

-- Whoever may store rejected packets is the service, and needs the same right here.
DO $grant$
DECLARE
    grantee text;
BEGIN
    FOR grantee IN
        SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
        FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
        WHERE c.oid = 'flowsentry.rejected_packets'::pg_catalog.regclass AND a.privilege_type = 'INSERT'
    LOOP
        EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON flowsentry.consumed_ids TO ' || grantee;
    END LOOP;
END
$grant$;
