import type { CloudEventsOptions } from 'ce-broker-client';
import type { CloudEventTransport } from 'ce-broker-proto';

/** The same way to the server, on which only those events go out that may. */
export function filteredOptions(
  options: CloudEventsOptions,
  mayPass: (event: Uint8Array) => boolean,
): CloudEventsOptions {
  return {
    ...options,
    connect: async (context) => filtered(await options.connect(context), mayPass),
  };
}

function filtered(
  transport: CloudEventTransport,
  mayPass: (event: Uint8Array) => boolean,
): CloudEventTransport {
  return {
    publish: async (event, options) => {
      if (mayPass(event)) await transport.publish(event, options);
    },
    subscribe: (request, listener, options) => transport.subscribe(request, listener, options),
    onEnd: (listener) => transport.onEnd?.(listener),
    close: () => transport.close(),
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
}
