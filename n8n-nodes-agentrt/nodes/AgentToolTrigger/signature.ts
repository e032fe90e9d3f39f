// Is a call really the sidecar's, whole and fresh? Pure.
import { createHmac, timingSafeEqual } from 'crypto';

export const TOLERANCE_S = 300;

export type Checked = 'valid' | 'missing' | 'malformed' | 'stale' | 'wrong';

/** `header` is `t=<unix seconds>,v1=<hex>`; the signature covers `<t>.` and the raw body. */
export function checkSignature(
	header: string | undefined,
	body: Buffer,
	secret: string,
	now_s: number,
): Checked {
	if (!header) return 'missing';
	const fields = new Map(header.split(',').map(fieldOf));
	const signed_s = fields.get('t') ?? '';
	const given = fields.get('v1') ?? '';
	if (!/^\d{1,12}$/.test(signed_s) || !/^[0-9a-f]{64}$/i.test(given)) return 'malformed';
	const due = createHmac('sha256', secret).update(`${signed_s}.`).update(body).digest();
	if (!timingSafeEqual(due, Buffer.from(given, 'hex'))) return 'wrong';
	return Math.abs(now_s - Number(signed_s)) <= TOLERANCE_S ? 'valid' : 'stale';
}

function fieldOf(field: string): [string, string] {
	const at = field.indexOf('=');
	return [field.slice(0, at).trim(), field.slice(at + 1).trim()];
}
