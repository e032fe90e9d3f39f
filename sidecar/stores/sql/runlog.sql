-- name: beat
-- Says that this process lives.
INSERT INTO process (process, role, beat_at) VALUES (%(process)s, %(role)s, now())
ON CONFLICT (process) DO UPDATE SET beat_at = now();

-- name: leave
-- A process that stops gives its runs up at once.
DELETE FROM process WHERE process = %(process)s;

-- name: adopt
-- Takes up runs whose owner is gone, and own ones that nobody drives: after an outage of this
-- store, say; young ones may have begun since `driven` was listed. The new epoch fences whoever
-- drove them before.
UPDATE run SET owner = %(owner)s, epoch = epoch + 1
WHERE run IN (
  SELECT run FROM run
  WHERE status IN ('running', 'waiting')
    AND run <> ALL (%(driven)s::uuid[])
    AND started_at < now() - CASE WHEN owner = %(owner)s THEN 10 ELSE 0 END * interval '1 second'
    AND (owner = %(owner)s OR NOT EXISTS (
      SELECT 1 FROM process
      WHERE process = run.owner AND beat_at > now() - interval '10 seconds'))
  LIMIT 32 FOR UPDATE SKIP LOCKED)
RETURNING run::text, epoch;

-- name: start
-- The row of a new run; its first events follow in the same transaction.
INSERT INTO run (run, customer, conversation, turn, agent, setup, key, body_sha256, owner,
  callback_url)
VALUES (%(run)s, %(customer)s, %(conversation)s, %(turn)s, %(agent)s, %(setup)s, %(key)s,
  %(body_sha256)s, %(owner)s, coalesce(%(callback_url)s, ''));

-- name: fit
-- Moves a run on, or stops the whole transaction (0 rows divide by zero): its writer is fenced.
-- A run that ended waits for no tool.
WITH fit AS (
  UPDATE run SET head = %(seq)s, hash = %(hash)s, status = %(status)s, conversation_end = %(end)s
  WHERE run = %(id)s AND owner = %(owner)s AND epoch = %(epoch)s AND head = %(before)s
  RETURNING run, status),
forgotten AS (
  DELETE FROM tool_call USING fit
  WHERE tool_call.run = fit.run AND status NOT IN ('running', 'waiting'))
SELECT 1 / count(*) FROM fit;

-- name: event
INSERT INTO event VALUES (%(run)s, %(seq)s, %(at_ms)s, %(kind)s, %(body)s, %(hash)s);

-- name: part
INSERT INTO part VALUES (%(customer)s, %(name)s, %(previous)s, %(body)s) ON CONFLICT DO NOTHING;

-- name: ask
-- The row is the call's truth until its result is in the log.
INSERT INTO tool_call (run, call, customer, setup, contract, arguments, idempotency_key,
  side_effects)
SELECT run, %(id)s, customer, setup, %(contract)s, %(arguments)s, %(idempotency_key)s,
  %(side_effects)s
FROM run WHERE run = %(run)s;

-- name: heard
-- What is in the log needs to be told no more.
WITH folded AS (DELETE FROM tool_call WHERE run = %(run)s AND call = %(key)s)
UPDATE inbox SET folded = true WHERE run = %(run)s AND key = %(key)s;

-- name: run_row
SELECT customer, hash FROM run
WHERE run = %(run)s AND (customer = %(customer)s OR %(customer)s = '*');

-- name: rivals
-- What stands in the way of a new turn: the run of the same key first, then the running one.
SELECT run::text, body_sha256, key IS NOT DISTINCT FROM %(key)s AND key IS NOT NULL AS same_key
FROM run WHERE customer = %(customer)s AND (key = %(key)s
  OR conversation = %(conversation)s AND status IN ('running', 'waiting'))
ORDER BY same_key DESC;

-- name: conversation
-- Where the next turn of a conversation starts from.
SELECT turn, conversation_end FROM run
WHERE customer = %(customer)s AND conversation = %(conversation)s AND status = 'completed'
ORDER BY turn DESC LIMIT 1;

-- name: runs
SELECT run::text FROM run
WHERE (customer = %(customer)s OR %(customer)s = '*')
  AND (%(agent)s = '' OR split_part(agent, '@', 1) = %(agent)s)
  AND (%(status)s = '' OR status = %(status)s)
  AND run < %(cursor)s::uuid
ORDER BY run DESC LIMIT %(limit)s;

-- name: events
SELECT seq, at_ms, kind, body, hash FROM event WHERE run = %(run)s ORDER BY seq;

-- name: parts
-- The named parts and all that come before them.
WITH RECURSIVE linked AS (
  SELECT name, previous, body FROM part WHERE customer = %(customer)s AND name = ANY (%(names)s::text[])
  UNION
  SELECT part.name, part.previous, part.body FROM part, linked
  WHERE part.customer = %(customer)s AND part.name = linked.previous)
SELECT * FROM linked ORDER BY name;

-- name: tell
-- Words to a run, and where to call back; said twice, a word counts once. Where another word has
-- the key nothing lands (0 rows divide by zero).
WITH word AS (
  SELECT * FROM unnest(%(keys)s::text[], %(bodies)s::text[], %(results)s::bytea[])
    AS word (key, body, result)),
said AS (
  INSERT INTO inbox (run, key, body, result) SELECT %(run)s, key, body, result FROM word
  ON CONFLICT (run, key) DO UPDATE SET folded = inbox.folded
  RETURNING key, body),
called_back AS (
  UPDATE run SET callback_url = coalesce(%(callback_url)s, callback_url) WHERE run = %(run)s)
SELECT 1 / bool_and(said.body = word.body)::int FROM said JOIN word USING (key);

-- name: told
-- What workers and the API have left for the run under these keys: events to be.
SELECT key, body, result FROM inbox
WHERE run = %(run)s AND key = ANY (%(keys)s::text[]) AND NOT folded
UNION ALL
SELECT call, said, result FROM tool_call
WHERE run = %(run)s AND call = ANY (%(keys)s::text[]) AND state IN ('done', 'unknown')
ORDER BY 1;

-- name: news
-- Which of these runs have rested, or have a result or a word that their owner has not folded.
SELECT run::text FROM run WHERE run = ANY (%(runs)s::uuid[]) AND status NOT IN ('running', 'waiting')
UNION SELECT run::text FROM tool_call
  WHERE run = ANY (%(runs)s::uuid[]) AND state IN ('done', 'unknown')
UNION SELECT run::text FROM inbox WHERE run = ANY (%(runs)s::uuid[]) AND NOT folded;
