-- name: newest
SELECT version, signature, body, retired FROM document
WHERE kind = %(kind)s AND name = %(name)s AND (%(version)s IN (0, version))
ORDER BY version DESC LIMIT 1;

-- name: listed
SELECT * FROM (
  SELECT DISTINCT ON (name) name, version, body, retired FROM document
  WHERE kind = %(kind)s ORDER BY name, version DESC) newest
WHERE NOT retired;

-- name: put
-- A new version; under the same signature, the same version again.
INSERT INTO document (kind, name, version, signature, body)
VALUES (%(kind)s, %(name)s, %(version)s, %(signature)s, %(body)s)
ON CONFLICT (kind, name, version) DO UPDATE SET body = excluded.body, retired = false
WHERE document.signature = excluded.signature
RETURNING version;

-- name: retire
UPDATE document SET retired = true WHERE kind = %(kind)s AND name = %(name)s AND NOT retired
RETURNING version;
