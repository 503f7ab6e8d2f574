//! The scenarios that end by themselves or by a word of the test.

use std::time::{Duration, Instant};

use prost::Message;
use sha2::{Digest, Sha256};
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::{Request, Status};

use crate::client::{code_of, count, data, end_of, go_on, receive, say_code, Client, SERVICE, TIMEOUT, TYPE};
use crate::json::{say, Json};
use crate::load;
use crate::pb::ce_broker::v1::{DescribeRequest, PublishBatch};
use crate::pb::health::{health_client::HealthClient, HealthCheckRequest};
use crate::pb::io::cloudevents::v1::cloud_event::Data;
use crate::pb::io::cloudevents::v1::{CloudEvent, PublishRequest, SubscriptionRequest};
use crate::pb::reflection::server_reflection_client::ServerReflectionClient;
use crate::pb::reflection::server_reflection_request::MessageRequest;
use crate::pb::reflection::server_reflection_response::MessageResponse;
use crate::pb::reflection::ServerReflectionRequest;

pub async fn play(scenario: &str, client: &Client) {
    match scenario {
        "services" => services(client).await,
        "events" => one_event(client).await,
        "stream" => stream(client).await,
        "large" => large(client).await,
        "deadline" => deadline(client).await,
        "cancel" => cancel(client).await,
        "metadata" => metadata(client).await,
        "errors" => errors(client).await,
        "gzip" => gzip(client).await,
        "many" => load::many(client).await,
        "aging" => load::aging(client).await,
        "load" => load::load(client).await,
        "keepalive" => keepalive(client).await,
        "pings" => pings(client).await,
        "publish" => {
            let event = client.event("event", b"{}".to_vec());
            say_code("published", &client.publish_event(event, Duration::from_secs(5)).await);
        }
        _ => panic!("no scenario {scenario}"),
    }
}

fn say_received(event: &CloudEvent) {
    let Some(Data::BinaryData(bytes)) = &event.data else { panic!("an event without data") };
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let size = Json::Number(bytes.len() as u64);
    say("received", [("id", event.id.clone().into()), ("bytes", size), ("sha256", digest.into())]);
}

async fn one_event(client: &Client) {
    let (mut stream, ids) = client.subscribe().await;
    say("headers", [("ids", ids.into())]);
    say_code("published", &client.publish("event", data(client.flags.number("--bytes", 1000))).await);
    say_received(&receive(&mut stream).await);
}

async fn after(client: &Client) {
    say_code("after", &client.publish("after", b"{}".to_vec()).await);
}

async fn services(client: &Client) {
    let mut health = HealthClient::new(client.channel.clone());
    let mut statuses = Vec::new();
    for service in ["", SERVICE] {
        let asked = HealthCheckRequest { service: service.to_string() };
        let answer = health.check(asked).await.expect("health").into_inner();
        statuses.push(answer.status().as_str_name().to_string());
    }
    say("health", [("statuses", statuses.into())]);
    let question = MessageRequest::ListServices(String::new());
    let question = ServerReflectionRequest { message_request: Some(question), ..Default::default() };
    let mut reflection = ServerReflectionClient::new(client.channel.clone());
    let answers = reflection.server_reflection_info(tokio_stream::once(question)).await.expect("reflection");
    let answer = answers.into_inner().message().await.expect("an answer").expect("an answer");
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("no services")
    };
    let mut names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    say("reflection", [("services", names.into())]);
    let mut features =
        client.broker().describe(DescribeRequest {}).await.expect("Describe").into_inner().features;
    features.sort();
    say("describe", [("features", features.into())]);
}

pub fn batch(client: &Client, first: u64, length: u64, name: &str) -> PublishBatch {
    let numbers = first..first + length;
    let encode = |number| client.event(&format!("{name}{number}"), b"{}".to_vec()).encode_to_vec();
    PublishBatch { first_sequence: first, events: numbers.map(encode).collect() }
}

async fn stream(client: &Client) {
    let (batches, receiver) = tokio::sync::mpsc::channel(1);
    batches.send(batch(client, 1, 1, "e")).await.expect("room");
    let mut request = Request::new(ReceiverStream::new(receiver));
    request.set_timeout(TIMEOUT);
    let mut answers = client.broker().publish_stream(request).await.expect("a stream").into_inner();
    let (mut acknowledged, mut refused, mut sent) = (0, 0, 1);
    let mut batches = Some(batches);
    let code = loop {
        match answers.message().await {
            Ok(Some(answer)) => {
                acknowledged = answer.acknowledged.max(acknowledged);
                refused += answer.refusals.len() as u64;
            }
            Ok(None) => break "OK".to_string(),
            Err(status) => break code_of::<()>(&Err(status)),
        }
        if acknowledged < sent {
            continue;
        }
        let Some(sender) = batches.take() else { continue };
        if sent < 50 {
            sent += 1;
            sender.send(batch(client, sent, 1, "e")).await.expect("room");
            batches = Some(sender);
            continue;
        }
        // The rest at once, while the answers are read. The end of the task closes our side.
        let writer = client.clone();
        tokio::task::LocalSet::new()
            .run_until(async {
                tokio::task::spawn_local(async move {
                    for first in (51..1051).step_by(5) {
                        sender.send(batch(&writer, first, 5, "e")).await.expect("room");
                    }
                });
                while let Some(answer) = answers.message().await.expect("an answer") {
                    acknowledged = answer.acknowledged.max(acknowledged);
                    refused += answer.refusals.len() as u64;
                }
            })
            .await;
        break "OK".to_string();
    };
    let numbers = [("acknowledged", Json::Number(acknowledged)), ("refused", Json::Number(refused))];
    let [first, second] = numbers;
    say("stream", [first, second, ("code", code.into())]);
}

async fn large(client: &Client) {
    one_event(client).await;
    say_code("over", &client.publish("over", data(4 * 1024 * 1024 + 1)).await);
    after(client).await;
}

async fn deadline(client: &Client) {
    let begun = Instant::now();
    let mut request = Request::new(client.subscription());
    request.set_timeout(Duration::from_millis(500));
    let code = match client.events().subscribe(request).await {
        Ok(answer) => end_of(&mut answer.into_inner()).await,
        Err(status) => code_of::<()>(&Err(status)),
    };
    let early = begun.elapsed() < Duration::from_millis(450);
    say("deadline", [("code", code.into()), ("early", Json::Bool(early))]);
    after(client).await;
}

async fn cancel(client: &Client) {
    let mut streams = Vec::new();
    let mut ids = 0;
    for _ in 0..10 {
        let (stream, seen) = client.subscribe().await;
        ids += seen.len() as u64;
        streams.push(stream);
    }
    say("subscribed", [("count", Json::Number(ids))]);
    go_on().await;
    // Who drops a stream of tonic's cancels it, and sees no status.
    let codes = streams.drain(..).map(|stream| {
        drop(stream);
        "CANCELLED".to_string()
    });
    say("cancelled", [("codes", count(codes))]);
    go_on().await;
    after(client).await;
}

async fn metadata(client: &Client) {
    let refused = client.publish("anonymous", b"{}".to_vec()).await.expect_err("a refusal");
    let message = refused.message().to_string();
    say("anonymous", [("code", code_of::<()>(&Err(refused)).into()), ("message", message.into())]);
    let event = client.event("known", b"{}".to_vec());
    let mut request = Request::new(PublishRequest { event: Some(event) });
    let sent = request.metadata_mut();
    let token = format!("Bearer {}", client.flags.get("--token").expect("--token"));
    sent.insert("authorization", token.parse().expect("a token"));
    let bytes: Vec<u8> = (0..=255).collect();
    sent.append_bin("x-trace-bin", MetadataValue::from_bytes(&bytes));
    sent.append_bin("x-trace-bin", MetadataValue::from_bytes(&[0]));
    sent.insert("x-long", "l".repeat(8192).parse().expect("ASCII"));
    say_code("known", &client.events().publish(request).await);
}

async fn errors(client: &Client) {
    let event = client.event("lost", b"{}".to_vec());
    let unknown = |path: &'static str| {
        let mut grpc = tonic::client::Grpc::new(client.channel.clone());
        let request = PublishRequest { event: Some(event.clone()) };
        async move {
            grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
            let codec = tonic_prost::ProstCodec::<PublishRequest, ()>::default();
            grpc.unary(
                Request::new(request),
                tonic::codegen::http::uri::PathAndQuery::from_static(path),
                codec,
            )
            .await
        }
    };
    say_code("method", &unknown("/io.cloudevents.v1.CloudEventService/Unpublish").await);
    say_code("service", &unknown("/no.such.Service/Publish").await);
    let mut bad = client.event("bad", b"{}".to_vec());
    bad.r#type = "größe.ß".to_string();
    let refused = client.publish_event(bad, TIMEOUT).await.expect_err("a refusal");
    let message = refused.message().to_string();
    say("type", [("code", code_of::<()>(&Err(refused)).into()), ("message", message.into())]);
    let nobody = SubscriptionRequest { data_type: TYPE.to_string(), ..Default::default() };
    let code = match client.events().subscribe(nobody).await {
        Ok(answer) => end_of(&mut answer.into_inner()).await,
        Err(status) => code_of::<()>(&Err(status)),
    };
    say("subscription", [("code", code.into())]);
}

async fn gzip(client: &Client) {
    let squeezing = Client { gzip: true, ..client.clone() };
    one_event(&squeezing).await;
    say_code("bomb", &squeezing.publish("bomb", vec![0; 8 * 1024 * 1024]).await);
    after(&squeezing).await;
}

async fn keepalive(client: &Client) {
    let (mut stream, ids) = client.subscribe().await;
    say("subscribed", [("count", Json::Number(ids.len() as u64))]);
    go_on().await;
    client.publish("event", b"{}".to_vec()).await.expect("an answer");
    say_received(&receive(&mut stream).await);
    say("ended", [("code", end_of(&mut stream).await.into())]);
}

async fn pings(client: &Client) {
    let (mut stream, ids) = client.subscribe().await;
    say("subscribed", [("count", Json::Number(ids.len() as u64))]);
    say("ended", [("code", end_of(&mut stream).await.into())]);
}
