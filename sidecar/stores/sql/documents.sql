-- name: versions
SELECT version, body, retired FROM document WHERE kind = %(kind)s AND name = %(name)s
ORDER BY version DESC;

-- name: listed
SELECT name, version, body FROM (
  SELECT DISTINCT ON (name) name, version, body, retired FROM document
  WHERE kind = %(kind)s ORDER BY name, version DESC) newest
WHERE NOT retired;

-- name: put
-- The version asked for; without one, the newest under the same signature, else the next.
INSERT INTO document (kind, name, version, signature, body)
SELECT %(kind)s, %(name)s, CASE
    WHEN %(version)s > 0 THEN %(version)s
    WHEN newest.signature = %(signature)s THEN newest.version
    ELSE coalesce(newest.version, 0) + 1 END, %(signature)s, %(body)s
FROM (SELECT) always LEFT JOIN (
  SELECT version, signature FROM document WHERE kind = %(kind)s AND name = %(name)s
  ORDER BY version DESC LIMIT 1) newest ON true
ON CONFLICT (kind, name, version) DO UPDATE SET body = excluded.body, retired = false
WHERE document.signature = excluded.signature
RETURNING version;

-- name: retire
UPDATE document SET retired = true WHERE kind = %(kind)s AND name = %(name)s AND NOT retired
RETURNING version;
