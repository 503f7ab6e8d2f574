/** The generated messages and the grpc-js definition of the service, as ts-proto makes them: `ce-broker-proto/service`. */
export {
  CloudEvent,
  CloudEventAttributeValue,
  CloudEventServiceClient,
  CloudEventServiceService,
  PublishRequest,
  SubscriptionRequest,
} from './gen/io/cloudevents/v1/cloudevents.js';
