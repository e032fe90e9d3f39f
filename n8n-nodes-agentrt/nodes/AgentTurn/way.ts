// Which way of waiting an execution takes: what is wanted, and what n8n can do.
import type { IExecuteFunctions, INodeProperties } from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';
import { CREDENTIAL } from '../transport';
import type { Contract } from '../types.generated';
import { isWorkflow, obstacleTo, type Obstacle, type Trigger } from './suspension';

type Way = 'auto' | 'hold' | 'suspend';

export const description: INodeProperties = {
	displayName: 'Waiting',
	name: 'waiting',
	type: 'options',
	noDataExpression: true,
	options: [
		{
			name: 'Automatic',
			value: 'auto',
			description:
				'Suspends when the agent has n8n workflows as tools, which need a free n8n to run in; holds otherwise',
		},
		{
			name: 'Hold, Then Poll',
			value: 'hold',
			description:
				'This execution stays active until the run rests; a loss of connection is survived',
		},
		{
			name: 'Suspend and Resume',
			value: 'suspend',
			description: 'This execution sleeps until the sidecar calls back: for turns that take long',
		},
	],
	default: 'auto',
	description: 'What this execution does while the agent works',
};

/** One execution can sleep for one turn: several items are held for, one after the other. */
export async function wayOf(
	context: IExecuteFunctions,
	mayCall: () => Promise<Contract[]>,
	itemIndex: number,
): Promise<Exclude<Way, 'auto'>> {
	const wanted = context.getNodeParameter('waiting', itemIndex, 'auto') as Way;
	if (wanted === 'hold') return 'hold';
	const resumeUrl = resumeUrlOf(context);
	const isNeeded = async () => (await mayCall()).some((tool) => isWorkflow(tool, resumeUrl));
	if (context.getInputData().length > 1) {
		const isNews = itemIndex === 0 && (wanted === 'suspend' || (await isNeeded()));
		if (isNews) hint(context, SEVERAL, 'warning');
		return 'hold';
	}
	if (wanted === 'auto' && !(await isNeeded())) return 'hold';
	const obstacle = await obstacleOf(context, itemIndex);
	if (!obstacle) return 'suspend';
	if (wanted === 'suspend') throw cannotSuspend(context, obstacle, itemIndex);
	hint(context, `${STARVES} ${obstacle.what}. ${obstacle.remedy}`, 'warning');
	return 'hold';
}

const SEVERAL =
	'n8n can suspend an execution for one turn only, so the turns of these items were held one after the other. To suspend for each of them, pass one item at a time with "Loop Over Items".';
const STARVES =
	'The agent has n8n workflows as tools, but this execution stays active while they run, because';

function hint(context: IExecuteFunctions, message: string, type: 'info' | 'warning'): void {
	context.addExecutionHints({ message, type, location: 'outputPane' });
}

function cannotSuspend(
	context: IExecuteFunctions,
	{ what, remedy }: Obstacle,
	itemIndex: number,
): NodeOperationError {
	return new NodeOperationError(context.getNode(), `Cannot suspend: ${what}`, {
		description: remedy,
		itemIndex,
	});
}

async function obstacleOf(
	context: IExecuteFunctions,
	itemIndex: number,
): Promise<Obstacle | undefined> {
	const { baseUrl } = await context.getCredentials<{ baseUrl: string }>(CREDENTIAL, itemIndex);
	return obstacleTo({
		isTool: context.getNode().type.endsWith('Tool'),
		triggers: triggersOf(context),
		resumeUrl: resumeUrlOf(context),
		sidecarUrl: baseUrl,
	});
}

function triggersOf(context: IExecuteFunctions): Trigger[] {
	const above = context.getParentNodes(context.getNode().name, { includeNodeParameters: true });
	return above
		.filter(({ name }) => hasRun(context, name))
		.map(({ name, type, parameters = {} }) => ({ name, type, parameters }));
}

function hasRun(context: IExecuteFunctions, node: string): boolean {
	return context.evaluateExpression(`{{ $(${JSON.stringify(node)}).isExecuted }}`, 0) === true;
}

export function resumeUrlOf(context: IExecuteFunctions): string {
	return context.evaluateExpression('{{ $execution.resumeUrl }}', 0) as string;
}
