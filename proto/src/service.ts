/** The generated messages and the grpc-js definitions of the services, as ts-proto makes them: `ce-broker-proto/service`. */
export {
  BrokerClient,
  BrokerService,
  DescribeRequest,
  DescribeResponse,
  PublishAnswer,
  PublishBatch,
  WatchRequest,
  WatchResponse,
} from './gen/ce_broker/v1/broker.js';
export {
  CloudEvent,
  CloudEventAttributeValue,
  CloudEventServiceClient,
  CloudEventServiceService,
  PublishRequest,
  SubscriptionRequest,
} from './gen/io/cloudevents/v1/cloudevents.js';
