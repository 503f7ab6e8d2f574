import type { ClientConfig } from '../base/client-config.js';
import type { ResourceObject } from '../generic/resource.js';
import type { CloudEventsSourceOptions } from '../transports/cloud-events-options.js';

/** What a source client is made of. */
export interface SourceClientConfig<T extends ResourceObject> extends ClientConfig<T> {
  /** Who it is and how it connects: `buildCloudEventsSourceOptions`, `transportSourceOptions`. */
  readonly options: CloudEventsSourceOptions;
}
