-- The gate. While flowsentry is awake it holds the exclusive lock, and inserts do not notify: a transaction that ran NOTIFY
-- takes a database-wide lock at commit. While it sleeps, the shared lock is free, and the first insert wakes it.
-- Runs with the rights of whoever inserts, in their transaction: two calls that cannot fail, every name qualified.

CREATE FUNCTION flowsentry.wake() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY INVOKER
    SET search_path = pg_catalog, pg_temp
AS $wake$
BEGIN
    IF pg_catalog.pg_try_advisory_xact_lock_shared(7380396446245191680 + TG_RELID::bigint) THEN
        PERFORM pg_catalog.pg_notify('flowsentry_packets', '');
    END IF;
    RETURN NULL;
END
$wake$;
COMMENT ON FUNCTION flowsentry.wake() IS 'Wakes flowsentry when packets are inserted while it sleeps; costs under 1 µs a statement.';
