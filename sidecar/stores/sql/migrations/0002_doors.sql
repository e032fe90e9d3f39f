-- A key's signature is its sha256: no key rests anywhere.
CREATE UNIQUE INDEX document_key ON document (signature) WHERE kind = 'keys';

-- A word to a run is the body of the event that it becomes, with the bytes of its result.
ALTER TABLE inbox ALTER COLUMN kind DROP NOT NULL, ADD COLUMN result bytea;
UPDATE inbox SET body = '{"kind": "cancelled", "by": "operator"}' WHERE NOT folded;

-- Where a run is told to somebody when it rests; empty for nowhere.
ALTER TABLE run ADD COLUMN callback_url text NOT NULL DEFAULT '';

-- What somebody has to be told, until it was. `target` is whose secret signs it.
CREATE TABLE delivery (
  run uuid NOT NULL REFERENCES run,
  seq int NOT NULL,
  target text NOT NULL,
  url text NOT NULL,
  body bytea NOT NULL,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'buried')),
  attempt int NOT NULL DEFAULT 0,
  answer text NOT NULL DEFAULT '',
  made_at timestamptz NOT NULL DEFAULT now(),
  not_before timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run, seq, target)
);
CREATE INDEX delivery_due ON delivery (not_before) WHERE state = 'pending';
