-- A state as version 3 wrote it: of the log 00000000-0000-0000-0000-000000000001, with one event parked, one delivery
-- pending and one dead.

CREATE TABLE meta (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    log_id BLOB NOT NULL
);
CREATE TABLE cursors (
    command TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE outcomes (
    sequence INTEGER NOT NULL,
    command TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    reason TEXT NOT NULL,
    error TEXT,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (sequence, command)
) WITHOUT ROWID;
CREATE INDEX outcomes_due ON outcomes (command, due_ms) WHERE status = 'parked';
CREATE INDEX outcomes_parked ON outcomes (command, sequence) WHERE status = 'parked';
CREATE TABLE counts (
    command TEXT NOT NULL,
    status TEXT NOT NULL,
    events INTEGER NOT NULL,
    PRIMARY KEY (command, status)
) WITHOUT ROWID;
CREATE TRIGGER outcome_added AFTER INSERT ON outcomes BEGIN
    INSERT INTO counts VALUES (new.command, new.status, 1)
    ON CONFLICT DO UPDATE SET events = events + 1;
END;
CREATE TRIGGER outcome_forgotten AFTER DELETE ON outcomes BEGIN
    UPDATE counts SET events = events - 1 WHERE command = old.command AND status = old.status;
END;
CREATE TRIGGER outcome_changed AFTER UPDATE OF status ON outcomes WHEN old.status <> new.status BEGIN
    UPDATE counts SET events = events - 1 WHERE command = old.command AND status = old.status;
    INSERT INTO counts VALUES (new.command, new.status, 1)
    ON CONFLICT DO UPDATE SET events = events + 1;
END;
CREATE TABLE drift (
    command TEXT NOT NULL,
    path TEXT NOT NULL,
    expected TEXT NOT NULL,
    found TEXT NOT NULL,
    count INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    PRIMARY KEY (command, path, expected, found)
) WITHOUT ROWID;
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

INSERT INTO meta VALUES (1, x'00000000000000000000000000000001');
INSERT INTO cursors VALUES ('Sns.CallbackFriendDelete', 9);
INSERT INTO outcomes VALUES (7, 'Sns.CallbackFriendDelete', 'parked', 3, 1700000000123, 'timeout', NULL, 1700000000000);
INSERT INTO drift VALUES ('Sns.CallbackFriendDelete', 'A', 'string', 'number', 3, 5, 6);
INSERT INTO subscriptions VALUES ('billing', 9, 4, 3, 1, 0, NULL, NULL);
INSERT INTO deliveries VALUES
    ('billing', 9, 'Sns.CallbackFriendDelete', 'pending', 2, 1700000000000, 1700000000123, NULL, 'timeout', NULL,
     1700000000100, 0, 0),
    ('billing', 5, 'Sns.CallbackFriendDelete', 'dead', 3, 1700000000000, 0, NULL, 'status', 'status 500',
     1700000000100, 0, 0);
PRAGMA application_id = 0x54434373;
PRAGMA user_version = 3;
