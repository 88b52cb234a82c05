//! The tables that versions 3 and 4 of `state.db` add, and the triggers that keep what would be dear to ask for.
//!
//! A pending row `waits` while its lane has an older pending one; only those that don't are in the index by due time, so
//! that a lane with a million rows costs as much as one with two. `copied` says that `copies` has the row's event, so
//! that the log need not keep it; a copy goes when its row goes. `lane` has the 64 bits of an unsigned number.
//!
//! Most events are delivered by their first attempt, and nothing waits behind them. While that is under way they are in
//! `first_attempts`, which has neither index nor trigger: a row there costs a fifth of one in `deliveries`. Whoever reads
//! finds them in the view `first_deliveries` as rows like the others.

pub(in crate::state) const TABLES: &str = "
    CREATE TABLE subscriptions (
        name TEXT PRIMARY KEY,
        cursor INTEGER NOT NULL,
        delivered INTEGER NOT NULL,
        filtered INTEGER NOT NULL,
        dead INTEGER NOT NULL,
        expired INTEGER NOT NULL,
        paused TEXT,
        paused_ms INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE deliveries (
        subscription TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        command TEXT NOT NULL,
        status TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        first_ms INTEGER NOT NULL,
        due_ms INTEGER NOT NULL,
        lane INTEGER,
        reason TEXT,
        detail TEXT,
        since_ms INTEGER NOT NULL,
        waits INTEGER NOT NULL,
        copied INTEGER NOT NULL,
        PRIMARY KEY (subscription, sequence)
    ) WITHOUT ROWID;
    CREATE INDEX deliveries_due ON deliveries (subscription, due_ms) WHERE status = 'pending' AND waits = 0;
    CREATE INDEX deliveries_lane ON deliveries (subscription, lane, sequence)
        WHERE status = 'pending' AND lane IS NOT NULL;
    CREATE INDEX deliveries_pending ON deliveries (subscription, copied, sequence) WHERE status = 'pending';
    CREATE INDEX deliveries_dead ON deliveries (subscription, sequence) WHERE status = 'dead';
    CREATE INDEX deliveries_died ON deliveries (subscription, since_ms) WHERE status = 'dead';
    CREATE TABLE copies (
        subscription TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        journaled_ms INTEGER NOT NULL,
        app TEXT NOT NULL,
        command TEXT NOT NULL,
        envelope BLOB NOT NULL,
        body BLOB NOT NULL,
        crc INTEGER NOT NULL,
        PRIMARY KEY (subscription, sequence)
    );
    CREATE TABLE delivery_counts (
        subscription TEXT NOT NULL,
        status TEXT NOT NULL,
        deliveries INTEGER NOT NULL,
        PRIMARY KEY (subscription, status)
    ) WITHOUT ROWID;

    CREATE TRIGGER delivery_added AFTER INSERT ON deliveries BEGIN
        INSERT INTO delivery_counts VALUES (new.subscription, new.status, 1)
        ON CONFLICT DO UPDATE SET deliveries = deliveries + 1;
    END;
    CREATE TRIGGER delivery_forgotten AFTER DELETE ON deliveries BEGIN
        UPDATE delivery_counts SET deliveries = deliveries - 1
        WHERE subscription = old.subscription AND status = old.status;
    END;
    CREATE TRIGGER delivery_changed AFTER UPDATE OF status ON deliveries WHEN old.status <> new.status BEGIN
        UPDATE delivery_counts SET deliveries = deliveries - 1
        WHERE subscription = old.subscription AND status = old.status;
        INSERT INTO delivery_counts VALUES (new.subscription, new.status, 1)
        ON CONFLICT DO UPDATE SET deliveries = deliveries + 1;
    END;

    CREATE TRIGGER delivery_joined AFTER INSERT ON deliveries WHEN new.status = 'pending' AND new.lane IS NOT NULL BEGIN
        UPDATE deliveries SET waits = 1
        WHERE subscription = new.subscription AND waits = 0 AND sequence = (
            SELECT min(sequence) FROM deliveries WHERE status = 'pending'
                AND subscription = new.subscription AND lane = new.lane AND sequence > new.sequence);
        UPDATE deliveries SET waits = 1
        WHERE subscription = new.subscription AND sequence = new.sequence AND EXISTS (
            SELECT 1 FROM deliveries WHERE status = 'pending'
                AND subscription = new.subscription AND lane = new.lane AND sequence < new.sequence);
    END;
    CREATE TRIGGER delivery_left AFTER DELETE ON deliveries WHEN old.status = 'pending' AND old.lane IS NOT NULL BEGIN
        UPDATE deliveries SET waits = 0
        WHERE subscription = old.subscription AND waits = 1 AND sequence = (
            SELECT min(sequence) FROM deliveries WHERE status = 'pending'
                AND subscription = old.subscription AND lane = old.lane);
    END;
    CREATE TRIGGER delivery_moved AFTER UPDATE OF status, lane ON deliveries
    WHEN old.status <> new.status OR old.lane IS NOT new.lane BEGIN
        UPDATE deliveries SET waits = 0
        WHERE subscription = old.subscription AND waits = 1 AND sequence = (
            SELECT min(sequence) FROM deliveries WHERE status = 'pending'
                AND subscription = old.subscription AND lane = old.lane);
        UPDATE deliveries SET waits = 1
        WHERE new.status = 'pending' AND subscription = new.subscription AND waits = 0 AND sequence = (
            SELECT min(sequence) FROM deliveries WHERE status = 'pending'
                AND subscription = new.subscription AND lane = new.lane AND sequence > new.sequence);
        UPDATE deliveries SET waits = new.status = 'pending' AND EXISTS (
            SELECT 1 FROM deliveries WHERE status = 'pending'
                AND subscription = new.subscription AND lane = new.lane AND sequence < new.sequence)
        WHERE subscription = new.subscription AND sequence = new.sequence;
    END;

    CREATE TRIGGER delivery_copy_forgotten AFTER DELETE ON deliveries WHEN old.copied = 1 BEGIN
        DELETE FROM copies WHERE subscription = old.subscription AND sequence = old.sequence;
    END;
    -- What an unfinished removal left of one with the same name.
    CREATE TRIGGER subscription_added AFTER INSERT ON subscriptions BEGIN
        DELETE FROM deliveries WHERE subscription = new.name;
    END;
";

/// What version 4 adds.
pub(in crate::state) const FIRST_ATTEMPTS: &str = "
    CREATE TABLE first_attempts (
        subscription TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        command TEXT NOT NULL,
        first_ms INTEGER NOT NULL,
        due_ms INTEGER NOT NULL,
        PRIMARY KEY (subscription, sequence)
    ) WITHOUT ROWID;
    CREATE VIEW first_deliveries AS
        SELECT subscription, sequence, command, 'pending' AS status, 1 AS attempts, first_ms, due_ms, NULL AS lane,
            'interrupted' AS reason, NULL AS detail, first_ms AS since_ms, 0 AS waits, 0 AS copied
        FROM first_attempts;
    DROP TRIGGER subscription_added;
    -- What an unfinished removal left of one with the same name.
    CREATE TRIGGER subscription_added AFTER INSERT ON subscriptions BEGIN
        DELETE FROM first_attempts WHERE subscription = new.name;
        DELETE FROM deliveries WHERE subscription = new.name;
    END;
";
