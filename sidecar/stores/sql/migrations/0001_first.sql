-- Postgres is the truth. Bytes are compressed by the application; the log is only ever added to.

-- One row per living process; a run whose owner stopped beating may be adopted.
CREATE TABLE process (
  process uuid PRIMARY KEY,
  role text NOT NULL CHECK (role IN ('sidecar', 'worker')),
  beat_at timestamptz NOT NULL
);

-- A run and its one writer. `head` and `hash` are those of its last event.
CREATE TABLE run (
  run uuid PRIMARY KEY,
  customer text NOT NULL,
  conversation text NOT NULL,
  turn int NOT NULL,
  agent text NOT NULL,
  setup text NOT NULL,
  key text,
  body_sha256 text NOT NULL,
  owner uuid NOT NULL,
  epoch int NOT NULL DEFAULT 0,
  head int NOT NULL DEFAULT 0,
  hash text NOT NULL DEFAULT '',
  status text NOT NULL DEFAULT 'running'
    CHECK (status IN ('running', 'waiting', 'completed', 'failed', 'cancelled')),
  conversation_end text NOT NULL DEFAULT '',
  started_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX run_idempotency ON run (customer, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX run_conversation_busy ON run (customer, conversation)
  WHERE status IN ('running', 'waiting');
CREATE INDEX run_owner ON run (owner) WHERE status IN ('running', 'waiting');
CREATE INDEX run_conversation ON run (customer, conversation, turn) WHERE status = 'completed';
CREATE INDEX run_listed ON run (started_at DESC, run DESC);

CREATE TABLE event (
  run uuid NOT NULL REFERENCES run,
  seq int NOT NULL,
  at_ms bigint NOT NULL,
  kind text NOT NULL,
  body bytea NOT NULL,
  hash text NOT NULL,
  PRIMARY KEY (run, seq)
);

-- Content-addressed: name = sha256(previous || body). Keyed by customer, so that one can be erased.
CREATE TABLE part (
  customer text NOT NULL,
  name text NOT NULL,
  previous text NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (customer, name)
);

-- Every version of an agent or a tool. A version's signature never changes.
CREATE TABLE document (
  kind text NOT NULL,
  name text NOT NULL,
  version int NOT NULL,
  signature text NOT NULL,
  body text NOT NULL,
  retired boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (kind, name, version)
);

-- A tool call from asked to folded; the log keeps it afterwards. `attempt` is also the fence;
-- `said` is what the worker has to say, as the body of a tool_returned event.
CREATE TABLE tool_call (
  run uuid NOT NULL REFERENCES run,
  call text NOT NULL,
  customer text NOT NULL,
  setup text NOT NULL,
  contract text NOT NULL,
  arguments text NOT NULL,
  idempotency_key text NOT NULL,
  side_effects text NOT NULL CHECK (side_effects IN ('none', 'idempotent', 'once')),
  state text NOT NULL DEFAULT 'pending'
    CHECK (state IN ('pending', 'running', 'done', 'unknown')),
  attempt int NOT NULL DEFAULT 0,
  worker uuid,
  lease_until timestamptz,
  not_before timestamptz NOT NULL DEFAULT now(),
  rung_at timestamptz NOT NULL DEFAULT now(),
  asked_at timestamptz NOT NULL DEFAULT now(),
  said text,
  result bytea,
  PRIMARY KEY (run, call)
) WITH (fillfactor = 70);
CREATE INDEX tool_call_due ON tool_call (state, not_before);

-- What the API has to say to a run; only the run's owner turns it into an event.
CREATE TABLE inbox (
  run uuid NOT NULL REFERENCES run,
  key text NOT NULL,
  kind text NOT NULL,
  body text NOT NULL,
  folded boolean NOT NULL DEFAULT false,
  PRIMARY KEY (run, key)
);
CREATE INDEX inbox_unfolded ON inbox (run) WHERE NOT folded;
