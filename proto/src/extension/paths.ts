/** Full method paths of the extension service (`ce_broker/v1/broker.proto`). */
export const ExtensionPath = Object.freeze({
  describe: '/ce_broker.v1.Broker/Describe',
  publishStream: '/ce_broker.v1.Broker/PublishStream',
  watch: '/ce_broker.v1.Broker/Watch',
});

/** What `Describe` may offer. */
export const ExtensionFeature = Object.freeze({
  publishStream: 'publish-stream',
  watch: 'watch',
  /** The broker keeps events: a Watch may begin after a point. */
  resume: 'resume',
});
