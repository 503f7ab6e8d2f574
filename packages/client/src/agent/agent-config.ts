import type { ClientConfig } from '../base/client-config.js';
import type { ResourceObject } from '../generic/resource.js';
import type { CloudEventsAgentOptions } from '../transports/cloud-events-options.js';

/** What an agent client is made of. */
export interface AgentClientConfig<T extends ResourceObject> extends ClientConfig<T> {
  /** Who it is and how it connects: `buildCloudEventsAgentOptions`, `transportAgentOptions`. */
  readonly options: CloudEventsAgentOptions;
}
