-- name: claim
-- Takes what is due: what was offered, and what nobody offers, by a lost ring or to be tried again.
-- A row that does not come back is somebody else's, done, or not yet due.
WITH unoffered AS (
  SELECT run, call FROM tool_call
  WHERE state = 'pending' AND not_before <= now() AND asked_at < now() - interval '1 second'
  ORDER BY not_before LIMIT 16 FOR UPDATE SKIP LOCKED),
offered AS (
  SELECT split_part(name, '/', 1)::uuid AS run, split_part(name, '/', 2) AS call
  FROM unnest(%(calls)s::text[]) name
  UNION TABLE unoffered)
UPDATE tool_call SET state = 'running', worker = %(worker)s, attempt = attempt + 1,
  lease_until = now() + %(lease_s)s * interval '1 second'
FROM part, offered
WHERE tool_call.run = offered.run AND tool_call.call = offered.call
  AND state = 'pending'
  AND not_before <= now()
  AND part.customer = tool_call.customer AND part.name = tool_call.setup
RETURNING tool_call.run::text, tool_call.call, tool_call.customer, contract, arguments, idempotency_key,
  attempt, part.body;

-- name: hold
-- Renews the leases of the calls that this worker runs.
UPDATE tool_call SET lease_until = now() + %(lease_s)s * interval '1 second'
WHERE worker = %(worker)s AND state = 'running'
  AND run::text || '/' || call = ANY (%(calls)s::text[]);

-- name: finish
-- What the call returned, unless it was taken from this worker in the meantime. Where it is
-- pending it is tried again later; the delay rests here, not in Redis.
UPDATE tool_call SET state = %(state)s, said = %(said)s, result = %(result)s,
  not_before = now() + 2 ^ attempt * (0.25 + random() / 2) * interval '1 second'
WHERE run = %(run)s AND call = %(call)s AND worker = %(worker)s AND attempt = %(attempt)s
  AND state = 'running';

-- name: sweep
-- Calls of dead workers: `once` is in doubt, the rest due again, but for a call that has outlived
-- twelve of them.
UPDATE tool_call SET state = CASE
    WHEN side_effects = 'once' OR attempt >= 12 THEN 'unknown'
    ELSE 'pending' END, said = jsonb_build_object('kind', 'tool_returned', 'call', call,
  'attempts', attempt, 'error', jsonb_build_object('code', 'unknown',
    'message', 'its worker went away; it may have taken effect'))
WHERE (run, call) IN (
  SELECT run, call FROM tool_call WHERE state = 'running' AND lease_until < now()
  LIMIT 1000 FOR UPDATE SKIP LOCKED);

-- name: queue
-- How much waits for a worker, for how long, how many workers live; the newest migration;
-- deliveries that are not through, and that were given up in a day.
SELECT json_build_object(
  'queue', json_build_object(
    'pending', count(*) FILTER (WHERE state = 'pending' AND not_before <= now()),
    'oldest_s', coalesce(
      extract(epoch FROM now() - min(asked_at) FILTER (WHERE state = 'pending')), 0)::int),
  'workers', (SELECT count(*) FROM process
    WHERE role = 'worker' AND beat_at > now() - interval '10 seconds'),
  'migrations', (SELECT max(version) FROM migration),
  'deliveries', (SELECT json_build_object(
    'pending', count(*) FILTER (WHERE state = 'pending'),
    'buried', count(*) FILTER (WHERE state = 'buried' AND made_at > now() - interval '1 day'))
    FROM delivery))
FROM tool_call;
