// Writes nodes/types.generated.ts from the JSON Schemas of the sidecar; with --check, only compares.
import { readFile, writeFile } from 'node:fs/promises';
import { URL } from 'node:url';

const here = new URL('.', import.meta.url);
const schemas = new URL('../schemas/', here);
const target = new URL('nodes/types.generated.ts', here);

/** What crosses HTTP between the nodes and the sidecar. */
const FILES = ['agent', 'contract', 'model', 'problem', 'run', 'turn_request', 'verdict'];

const HEAD =
	'// Generated from /schemas by `npm run types`: edit the models of the sidecar instead.\n';

const SCALARS = {
	boolean: 'boolean',
	integer: 'number',
	null: 'null',
	number: 'number',
	string: 'string',
};

/** Every named schema of these files; what several of them share is one type. */
async function definitions() {
	const found = new Map();
	for (const file of FILES) {
		const text = await readFile(new URL(`${file}.json`, schemas), 'utf8');
		const { $defs = {}, ...schema } = JSON.parse(text);
		const named = schema.properties ? { [schema.title]: schema } : {};
		for (const [name, one] of Object.entries({ ...$defs, ...named })) {
			if (found.has(name) && JSON.stringify(found.get(name)) !== JSON.stringify(one)) {
				throw new Error(`${file} describes ${name} differently than another file does`);
			}
			found.set(name, one);
		}
	}
	return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

function declaration([name, schema]) {
	const said = comment(schema.description, '');
	return schema.properties
		? `\n${said}export interface ${name} ${members(schema, '\t')}\n`
		: `\n${said}export type ${name} = ${typeOf(schema, '')};\n`;
}

function members({ properties, required = [] }, indent) {
	const lines = Object.entries(properties).map(([key, schema]) => {
		const name = /^[A-Za-z_$][\w$]*$/.test(key) ? key : `'${key}'`;
		const optional = required.includes(key) ? '' : '?';
		return `${comment(schema.description, indent)}${indent}${name}${optional}: ${typeOf(schema, indent)};\n`;
	});
	return `{\n${lines.join('')}${indent.slice(1)}}`;
}

function typeOf(schema, indent) {
	const { $ref, const: only, enum: words, anyOf, oneOf, allOf, type } = schema;
	if ($ref) return $ref.replace('#/$defs/', '');
	if (only !== undefined) return literal(only);
	if (words) return words.map(literal).join(' | ');
	const several =
		anyOf ?? oneOf ?? (Array.isArray(type) ? type.map((one) => ({ type: one })) : null);
	if (several) return [...new Set(several.map((one) => typeOf(one, indent)))].join(' | ');
	if (allOf) return allOf.map((one) => typeOf(one, indent)).join(' & ');
	if (type === 'array') return `Array<${typeOf(schema.items ?? {}, indent)}>`;
	if (type === 'object') return objectOf(schema, indent);
	if (type in SCALARS) return SCALARS[type];
	if (type === undefined) return 'unknown';
	throw new Error(`no TypeScript for ${JSON.stringify(schema)}`);
}

function objectOf(schema, indent) {
	if (schema.properties) return members(schema, `${indent}\t`);
	const values = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {};
	return `Record<string, ${typeOf(values, indent)}>`;
}

function literal(value) {
	return typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
}

function comment(text, indent) {
	const lines = text?.split('\n').map((line) => `${indent} * ${line}`.trimEnd());
	return lines ? `${indent}/** ${lines.join('\n').slice(indent.length + 3)} */\n` : '';
}

const types = HEAD + (await definitions()).map(declaration).join('');
if (!process.argv.includes('--check')) {
	await writeFile(target, types);
} else if ((await readFile(target, 'utf8')) !== types) {
	console.error('nodes/types.generated.ts is not what /schemas says: run `npm run types`');
	process.exitCode = 1;
}
