// One item in, one item out: what every node of this package does with its items.
import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
	JsonObject,
} from 'n8n-workflow';
import { NodeApiError, NodeOperationError } from 'n8n-workflow';
import { readObject } from './json';

/** What leaves for one item, and by which output. */
export interface Leaving {
	output: number;
	json: IDataObject;
}

export interface Operation {
	description: INodeProperties[];
	/** Nothing leaves when the execution was put to sleep: it is resumed with what leaves. */
	execute: (context: IExecuteFunctions, itemIndex: number) => Promise<Leaving | undefined>;
}

/** With "Continue On Fail", what an operation throws leaves by `thrownTo`. */
export async function eachItem(
	context: IExecuteFunctions,
	operation: Operation,
	{ outputs, thrownTo }: { outputs: number; thrownTo: number },
): Promise<INodeExecutionData[][]> {
	const leaving: INodeExecutionData[][] = Array.from({ length: outputs }, () => []);
	for (let itemIndex = 0; itemIndex < context.getInputData().length; itemIndex++) {
		const pairedItem = { item: itemIndex };
		try {
			const left = await operation.execute(context, itemIndex);
			if (left) leaving[left.output].push({ json: left.json, pairedItem });
		} catch (thrown) {
			const error = asNodeError(context, thrown, itemIndex);
			if (!context.continueOnFail()) throw error;
			leaving[thrownTo].push({ json: { error: shown(error) }, pairedItem });
		}
	}
	return leaving;
}

/** The JSON object in a parameter; what is not one is told under the parameter's own name. */
export function objectParameter(
	context: IExecuteFunctions,
	{ name, displayName }: { name: string; displayName: string },
	itemIndex: number,
): Record<string, unknown> {
	const read = readObject(context.getNodeParameter(name, itemIndex));
	if ('value' in read) return read.value;
	throw new NodeOperationError(context.getNode(), `"${displayName}" ${read.flaw}`, {
		description: `Correct the parameter "${displayName}": it takes a JSON Schema, such as {"type": "object", "properties": {}}.`,
		itemIndex,
	});
}

/** The text in a parameter that must not be empty. */
export function textParameter(
	context: IExecuteFunctions,
	{ name, displayName }: { name: string; displayName: string },
	itemIndex: number,
): string {
	const text = String(context.getNodeParameter(name, itemIndex, '', { extractValue: true }) ?? '');
	if (text.trim()) return text;
	throw new NodeOperationError(context.getNode(), `"${displayName}" is empty`, {
		description: `Fill in the parameter "${displayName}", or see why its expression gave nothing for this item.`,
		itemIndex,
	});
}

type NodeError = NodeApiError | NodeOperationError;

function asNodeError(context: IExecuteFunctions, thrown: unknown, itemIndex: number): NodeError {
	if (thrown instanceof NodeApiError || thrown instanceof NodeOperationError) return thrown;
	return new NodeOperationError(context.getNode(), thrown as Error, { itemIndex });
}

function shown(error: NodeError): JsonObject {
	const code = (error.context.code as string | undefined) ?? 'bad_parameter';
	return { code, message: error.message, remedy: error.description ?? '' };
}
