// Takes a picture of a workflow in the n8n editor, or of one node's panel.
//
//   node shot.mjs WORKFLOW_ID OUT.png [NODE NAME]
//
// PLAYWRIGHT_DIR  folder in which playwright-core is installed
// N8N_URL, N8N_EMAIL, N8N_PASSWORD, CHROMIUM, THEME (light, dark), SIZE (1500x900)
// EXECUTION       an execution to show instead of the editor
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [workflow, out, node] = process.argv.slice(2);
const {
	PLAYWRIGHT_DIR = '.',
	N8N_URL = 'http://localhost:5678',
	N8N_EMAIL = 'owner@example.com',
	N8N_PASSWORD,
	CHROMIUM = '/usr/bin/chromium',
	THEME = 'light',
	SIZE = '1500x900',
	EXECUTION,
} = process.env;
if (!out || !N8N_PASSWORD) {
	console.error('usage: N8N_PASSWORD=... node shot.mjs WORKFLOW_ID OUT.png [NODE NAME]');
	process.exit(2);
}

const { chromium } = createRequire(join(PLAYWRIGHT_DIR, 'index.js'))('playwright-core');
const [width, height] = SIZE.split('x').map(Number);
const profile = mkdtempSync(join(tmpdir(), 'shot-'));
const browser = await chromium.launchPersistentContext(profile, {
	executablePath: CHROMIUM,
	viewport: { width, height },
	colorScheme: THEME,
	args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
});

try {
	const account = { emailOrLdapLoginId: N8N_EMAIL, password: N8N_PASSWORD };
	const login = await browser.request.post(`${N8N_URL}/rest/login`, { data: account });
	if (!login.ok()) throw new Error(`n8n refused the login: ${login.status()}`);
	const { hostname } = new URL(N8N_URL);
	await browser.route(
		(url) => url.hostname !== hostname,
		(route) => route.abort(),
	);
	const page = browser.pages()[0];
	await page.addInitScript((theme) => localStorage.setItem('N8N_THEME', theme), THEME);
	const path = EXECUTION ? `${workflow}/executions/${EXECUTION}` : workflow;
	await page.goto(`${N8N_URL}/workflow/${path}`);
	await page.locator('[data-test-id="canvas-node"]').first().waitFor();
	await settled(page);
	const card = page.locator('[data-test-id="suggested-actions-close"], .n8n-popover-close');
	if (await card.count()) await card.first().click();
	if (!EXECUTION) await page.keyboard.press('1');
	await settled(page);
	if (node) {
		await page.locator(`[data-test-id="canvas-node"][data-node-name="${node}"]`).dblclick();
		await page.locator('[data-test-id="node-parameters"]').waitFor();
		await settled(page);
	}
	await page.screenshot({ path: out });
} finally {
	await browser.close();
	rmSync(profile, { recursive: true, force: true });
}

/** Until the network is quiet, lists are loaded and animations are over. */
async function settled(page) {
	await page.waitForLoadState('networkidle');
	await page.waitForFunction(() => !document.querySelector('[placeholder^="Loading"]'));
	await page.evaluate(() =>
		Promise.all(document.getAnimations().map(({ finished }) => finished.catch(() => {}))),
	);
}
