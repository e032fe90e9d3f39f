-- name: versions
SELECT version, body, retired FROM document WHERE kind = %(kind)s AND name = %(name)s
ORDER BY version DESC;

-- name: newest
SELECT DISTINCT ON (name) name, version, body, retired FROM document
WHERE kind = %(kind)s AND starts_with(name, %(prefix)s) ORDER BY name, version DESC;

-- name: put
-- The version asked for; without one, the newest under the same signature, else the next.
INSERT INTO document (kind, name, version, signature, body)
SELECT %(kind)s, %(name)s, CASE
    WHEN %(version)s > 0 THEN %(version)s
    WHEN newest.signature = %(signature)s THEN newest.version
    ELSE least(coalesce(newest.version, 0) + 1, 999999999) END, %(signature)s, %(body)s
FROM (SELECT) always LEFT JOIN (
  SELECT version, signature FROM document WHERE kind = %(kind)s AND name = %(name)s
  ORDER BY version DESC LIMIT 1) newest ON true
ON CONFLICT (kind, name, version) DO UPDATE SET body = excluded.body, retired = false
WHERE document.signature = excluded.signature
RETURNING version;

-- name: retire
-- One version, or with 0 all of them.
UPDATE document SET retired = true
WHERE kind = %(kind)s AND name = %(name)s AND %(version)s IN (0, version);

-- name: key
-- The document of a key that lives: of its name's two newest, not retired, not expired.
SELECT name, version, body FROM document WHERE kind = 'keys' AND signature = %(sha256)s
  AND NOT retired AND coalesce((body::jsonb ->> 'expires_at')::timestamptz > now(), true)
  AND version > (
    SELECT max(version) - 2 FROM document newest WHERE kind = 'keys' AND name = document.name);
