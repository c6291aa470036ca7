-- The season loop: members, seasons, submissions, the ledger and what follows from it. SQLite.

-- The words of this file and of its twin for the other engine are the same but for column types, identity and triggers.

-- What this store is: `kind` is `demo` or `real`.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE guild (
    id BIGINT PRIMARY KEY,
    officer_channel_id BIGINT,
    announcement_channel_id BIGINT,
    created_at DATETIME NOT NULL
);

CREATE TABLE member (
    id BLOB PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guild (id),
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    -- The name as compared: letter case does not count.
    name_key TEXT NOT NULL,
    game_id TEXT,
    status TEXT NOT NULL CHECK (status IN ('pending', 'verified', 'banned')),
    admin BOOLEAN NOT NULL,
    registered_at DATETIME NOT NULL,
    UNIQUE (guild_id, user_id),
    UNIQUE (guild_id, name_key)
);

-- A ledger of points for one purpose. `ladder_version` is the version of its ladder that awards go by.
CREATE TABLE book (
    id BLOB PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guild (id),
    kind TEXT NOT NULL CHECK (kind IN ('season')),
    on_fall TEXT NOT NULL CHECK (on_fall IN ('keep', 'take_back')),
    ladder_version INTEGER NOT NULL,
    created_at DATETIME NOT NULL
);

CREATE TABLE season (
    id BLOB PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guild (id),
    book_id BLOB NOT NULL UNIQUE REFERENCES book (id),
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    starts_at DATETIME NOT NULL,
    ends_at DATETIME NOT NULL,
    review BOOLEAN NOT NULL,
    closed_at DATETIME,
    created_at DATETIME NOT NULL,
    UNIQUE (guild_id, number),
    UNIQUE (guild_id, name_key),
    CHECK (starts_at < ends_at)
);

CREATE TABLE item (
    id BLOB PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guild (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    game_id TEXT,
    created_at DATETIME NOT NULL,
    UNIQUE (guild_id, name_key)
);

-- What an item is worth in a season; the highest version is the one for new submissions.
CREATE TABLE item_value (
    season_id BLOB NOT NULL REFERENCES season (id),
    item_id BLOB NOT NULL REFERENCES item (id),
    version INTEGER NOT NULL,
    points BIGINT NOT NULL CHECK (points > 0),
    created_at DATETIME NOT NULL,
    PRIMARY KEY (season_id, item_id, version)
);

CREATE TABLE season_rank (
    id BLOB PRIMARY KEY,
    season_id BLOB NOT NULL REFERENCES season (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    UNIQUE (season_id, name_key)
);

-- Every version of every ladder, whole.
CREATE TABLE ladder_rung (
    book_id BLOB NOT NULL REFERENCES book (id),
    version INTEGER NOT NULL,
    rank_id BLOB NOT NULL REFERENCES season_rank (id),
    number INTEGER NOT NULL,
    threshold BIGINT NOT NULL CHECK (threshold > 0),
    PRIMARY KEY (book_id, version, rank_id),
    UNIQUE (book_id, version, number)
);

CREATE TABLE prize (
    id BLOB PRIMARY KEY,
    rank_id BLOB NOT NULL REFERENCES season_rank (id),
    position INTEGER NOT NULL,
    description TEXT NOT NULL,
    role_id BIGINT,
    UNIQUE (rank_id, position)
);

CREATE TABLE submission (
    id BLOB PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guild (id),
    season_id BLOB NOT NULL REFERENCES season (id),
    member_id BLOB NOT NULL REFERENCES member (id),
    item_id BLOB NOT NULL REFERENCES item (id),
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    -- The value it was given, and which version of the price list said so: later prices don't touch it.
    value BIGINT NOT NULL,
    value_version INTEGER NOT NULL,
    points BIGINT NOT NULL,
    note TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'counted', 'refused', 'void')),
    version INTEGER NOT NULL,
    submitted_by BIGINT NOT NULL,
    accepted_at DATETIME NOT NULL,
    decided_by BIGINT,
    decided_at DATETIME,
    reason TEXT
);
CREATE INDEX submission_newest ON submission (guild_id, accepted_at DESC, id DESC);
CREATE INDEX submission_of_member ON submission (member_id, season_id, accepted_at DESC);
CREATE INDEX submission_pending ON submission (season_id) WHERE state = 'pending';

-- A submission that was voided before it came.
CREATE TABLE tombstone (
    submission_id BLOB PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guild (id),
    created_at DATETIME NOT NULL
);

-- The ledger. Append-only: the triggers below refuse anything else. It knows people by internal ids alone.
CREATE TABLE entry (
    id BLOB PRIMARY KEY,
    book_id BLOB NOT NULL REFERENCES book (id),
    member_id BLOB NOT NULL REFERENCES member (id),
    seq BIGINT NOT NULL,
    balance BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('submission', 'correction', 'void', 'adjustment')),
    points BIGINT NOT NULL,
    command_id BLOB NOT NULL UNIQUE,
    submission_id BLOB REFERENCES submission (id),
    -- The member who did it; nobody's when the root admin has not registered.
    actor_id BLOB REFERENCES member (id),
    value_version INTEGER,
    accepted_at DATETIME NOT NULL,
    applied_at DATETIME NOT NULL,
    UNIQUE (book_id, member_id, seq)
);
CREATE INDEX entry_of_submission ON entry (submission_id);

-- The fold of a member's entries in a book. A participant without entries has zero points.
CREATE TABLE standing (
    book_id BLOB NOT NULL REFERENCES book (id),
    member_id BLOB NOT NULL REFERENCES member (id),
    points BIGINT NOT NULL,
    peak BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    reached_at DATETIME NOT NULL,
    joined_at DATETIME NOT NULL,
    PRIMARY KEY (book_id, member_id)
);
-- The one order of leaderboards: more points, then earlier, then member.
CREATE INDEX standing_order ON standing (book_id, points DESC, reached_at, member_id);

CREATE TABLE rank_award (
    book_id BLOB NOT NULL REFERENCES book (id),
    member_id BLOB NOT NULL REFERENCES member (id),
    rank_id BLOB NOT NULL REFERENCES season_rank (id),
    awarded_at DATETIME NOT NULL,
    revoked_at DATETIME,
    PRIMARY KEY (book_id, member_id, rank_id)
);

CREATE TABLE prize_award (
    member_id BLOB NOT NULL REFERENCES member (id),
    prize_id BLOB NOT NULL REFERENCES prize (id),
    awarded_at DATETIME NOT NULL,
    revoked_at DATETIME,
    PRIMARY KEY (member_id, prize_id)
);

-- What must become true in Discord, and where that stands.
CREATE TABLE effect (
    id BLOB PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guild (id),
    kind TEXT NOT NULL CHECK (kind IN ('roles', 'message')),
    -- Whose roles (a user id), or which notice (the deed that caused it).
    target TEXT NOT NULL,
    desired TEXT NOT NULL,
    version BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'parked', 'dead')),
    external_id TEXT,
    reason TEXT,
    detail TEXT,
    traceparent TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    UNIQUE (guild_id, kind, target)
);
CREATE INDEX effect_due ON effect (state, updated_at);
CREATE INDEX effect_newest ON effect (guild_id, created_at DESC, id DESC);

-- Deeds done: a deed that comes again gets the outcome it had.
CREATE TABLE inbox (
    id BLOB PRIMARY KEY,
    guild_id BIGINT NOT NULL,
    fingerprint BLOB NOT NULL,
    -- Absent only inside the transaction that does the deed.
    outcome TEXT,
    applied_at DATETIME NOT NULL
);
CREATE INDEX inbox_age ON inbox (applied_at);

-- Messages that go out because of what was committed with them.
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id BLOB NOT NULL,
    exchange TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    leased_until DATETIME
);

-- Everything officers and members did that is not points.
CREATE TABLE audit (
    id BLOB PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guild (id),
    at DATETIME NOT NULL,
    actor_user_id BIGINT,
    act TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_newest ON audit (guild_id, at DESC, id DESC);

CREATE TABLE token (
    id BLOB PRIMARY KEY,
    guild_id BIGINT NOT NULL REFERENCES guild (id),
    member_id BLOB NOT NULL REFERENCES member (id),
    label TEXT,
    -- Words separated by spaces.
    scopes TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    expires_at DATETIME NOT NULL,
    revoked_at DATETIME
);
CREATE INDEX token_of_member ON token (member_id, created_at DESC);

CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;
CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;
