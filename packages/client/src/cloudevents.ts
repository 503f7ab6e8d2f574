/**
 * Between the exact event and the `CloudEvent` class of the `cloudevents` package: for codecs that use that class. A module of its
 * own, because the package takes long to load.
 *
 * @packageDocumentation
 */
export { type ExtensionKinds, fromCloudEvent, toCloudEvent } from 'ce-broker-proto/cloudevents';
