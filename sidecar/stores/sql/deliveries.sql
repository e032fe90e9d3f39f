-- name: rest
-- A run that rests is told to its callback and to the hooks that ask for it.
INSERT INTO delivery (run, seq, target, url, body)
SELECT run, head, target, url, %(body)s FROM run, LATERAL (
  SELECT 'key:' || customer AS target, callback_url AS url WHERE callback_url <> ''
  UNION ALL
  SELECT 'hook:' || name, asked ->> 'url' FROM (
    SELECT DISTINCT ON (name) name, body::jsonb AS asked, retired FROM document
    WHERE kind = 'hooks' AND split_part(name, '/', 1) IN ('*', customer)
    ORDER BY name, version DESC) hook
  WHERE NOT retired AND asked -> 'events' ? %(status)s
    AND asked ->> 'agent' IN ('', split_part(agent, '@', 1))) somebody
WHERE run = %(id)s;

-- name: due
-- Takes what is due, once: whoever dies with it leaves it to the next turn of its back-off.
UPDATE delivery SET attempt = attempt + 1, not_before = now()
  + least(2 ^ attempt, 600) * (0.5 + random()) * interval '1 second'
WHERE (run, seq, target) IN (
  SELECT run, seq, target FROM delivery WHERE state = 'pending' AND not_before <= now()
  ORDER BY not_before LIMIT 32 FOR UPDATE SKIP LOCKED)
RETURNING run::text, seq, target, url, body;

-- name: delivered
-- Buried as well once it is a day old.
UPDATE delivery SET answer = %(answer)s, state = CASE
    WHEN %(state)s = 'pending' AND made_at < now() - interval '24 hours' THEN 'buried'
    ELSE %(state)s END
WHERE run = %(run)s AND seq = %(seq)s AND target = %(target)s;
