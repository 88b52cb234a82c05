-- A state as version 2 wrote it: of the log 00000000-0000-0000-0000-000000000001, with one event parked and one kind of drift.

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

INSERT INTO meta VALUES (1, x'00000000000000000000000000000001');
INSERT INTO cursors VALUES ('Sns.CallbackFriendDelete', 9);
INSERT INTO outcomes VALUES (7, 'Sns.CallbackFriendDelete', 'parked', 3, 1700000000123, 'timeout', NULL, 1700000000000);
INSERT INTO drift VALUES ('Sns.CallbackFriendDelete', 'A', 'string', 'number', 3, 5, 6);
PRAGMA application_id = 0x54434373;
PRAGMA user_version = 2;
