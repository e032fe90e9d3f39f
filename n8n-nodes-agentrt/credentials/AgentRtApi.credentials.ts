// Where the agentrt sidecar listens, and the key it knows this n8n by.
import type {
	Icon,
	ICredentialDataDecryptedObject,
	ICredentialTestRequest,
	ICredentialType,
	IHttpRequestOptions,
	INodeProperties,
} from 'n8n-workflow';

export class AgentRtApi implements ICredentialType {
	name = 'agentRtApi';

	displayName = 'AgentRT API';

	icon: Icon = { light: 'file:../icons/agentrt.svg', dark: 'file:../icons/agentrt.dark.svg' };

	documentationUrl =
		'https://github.com/agentrt/agentrt/blob/main/n8n-nodes-agentrt/README.md#credential';

	properties: INodeProperties[] = [
		{
			displayName: 'Base URL',
			name: 'baseUrl',
			type: 'string',
			default: 'http://127.0.0.1:8700',
			required: true,
			placeholder: 'e.g. http://127.0.0.1:8700',
			description:
				'Address of the agentrt sidecar as n8n reaches it. In a container, 127.0.0.1 is the container itself: use the service name or host.docker.internal.',
		},
		{
			displayName: 'API Key',
			name: 'apiKey',
			type: 'string',
			typeOptions: { password: true },
			default: '',
			required: true,
			description: 'The key that the sidecar was started with, AGENTRT_KEY',
		},
	];

	/** A function needs no expression engine, which n8n takes away from an execution that was stopped. */
	async authenticate(
		credentials: ICredentialDataDecryptedObject,
		request: IHttpRequestOptions,
	): Promise<IHttpRequestOptions> {
		const Authorization = `Bearer ${String(credentials.apiKey)}`;
		return { ...request, headers: { ...request.headers, Authorization } };
	}

	test: ICredentialTestRequest = {
		request: {
			baseURL: '={{ $credentials.baseUrl.replace(/\\/+$/, "") }}',
			url: '/health',
		},
	};
}
