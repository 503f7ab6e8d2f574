/** The load generator of `ce-broker bench`, from the built broker package (its parts are not exported to users). */
const dist = new URL('./', import.meta.resolve('ce-broker'));

export const {
  runLoad,
  EventTemplate,
  Histogram,
  HuffmanDecoder,
  RawConnection,
  PUBLISH_PATH,
  SUBSCRIBE_PATH,
  clusterName,
  subscriptionRequest,
} = await import(new URL('cli/load/index.js', dist));
export const { OutBuffer } = await import(new URL('cli/load/out-buffer.js', dist));
