//! One connection to the broker, the events of a test, and what calls end with.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tonic::codec::CompressionEncoding;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Response, Status, Streaming};

use crate::json::{say, Json};
use crate::pb::ce_broker::v1::broker_client::BrokerClient;
use crate::pb::io::cloudevents::v1::cloud_event::Data;
use crate::pb::io::cloudevents::v1::cloud_event_attribute_value::Attr;
use crate::pb::io::cloudevents::v1::cloud_event_service_client::CloudEventServiceClient;
use crate::pb::io::cloudevents::v1::{
    CloudEvent, CloudEventAttributeValue, PublishRequest, SubscriptionRequest,
};

pub const SERVICE: &str = "io.cloudevents.v1.CloudEventService";
pub const TYPE: &str = "io.ce-broker.test.v1.widgets";
pub const TIMEOUT: Duration = Duration::from_secs(30);

pub struct Flags {
    pub address: String,
    values: HashMap<String, String>,
}

impl Flags {
    pub fn read(address: String, mut args: impl Iterator<Item = String>) -> Self {
        let mut values = HashMap::new();
        while let (Some(name), Some(value)) = (args.next(), args.next()) {
            values.insert(name, value);
        }
        Flags { address, values }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub fn number(&self, name: &str, otherwise: usize) -> usize {
        self.get(name).map_or(otherwise, |text| text.parse().expect(name))
    }

    fn file(&self, name: &str) -> Option<Vec<u8>> {
        self.get(name).map(|path| std::fs::read(path).expect(path))
    }
}

#[derive(Clone)]
pub struct Client {
    pub flags: std::rc::Rc<Flags>,
    pub channel: Channel,
    pub cluster: String,
    pub gzip: bool,
}

impl Client {
    pub fn new(flags: Flags) -> Self {
        let scheme = if flags.get("--ca").is_some() { "https" } else { "http" };
        let mut endpoint =
            Endpoint::from_shared(format!("{scheme}://{}", flags.address)).expect("an address");
        if let Some(ca) = flags.file("--ca") {
            let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
            if let (Some(cert), Some(key)) = (flags.file("--cert"), flags.file("--key")) {
                tls = tls.identity(Identity::from_pem(cert, key));
            }
            endpoint = endpoint.tls_config(tls).expect("TLS");
        }
        if flags.get("--interval-ms").is_some() {
            endpoint = endpoint
                .http2_keep_alive_interval(Duration::from_millis(flags.number("--interval-ms", 0) as u64))
                .keep_alive_timeout(Duration::from_secs(2))
                .keep_alive_while_idle(true);
        }
        let cluster = flags.get("--cluster").unwrap_or("rust").to_string();
        Client { channel: endpoint.connect_lazy(), cluster, flags: flags.into(), gzip: false }
    }

    pub fn events(&self) -> CloudEventServiceClient<Channel> {
        let client = CloudEventServiceClient::new(self.channel.clone());
        if self.gzip {
            return client.send_compressed(CompressionEncoding::Gzip);
        }
        client
    }

    pub fn broker(&self) -> BrokerClient<Channel> {
        BrokerClient::new(self.channel.clone())
    }

    pub fn event(&self, name: &str, data: Vec<u8>) -> CloudEvent {
        let id = format!("{}-{name}", self.cluster);
        let text = |value: &str| CloudEventAttributeValue { attr: Some(Attr::CeString(value.to_string())) };
        let version = CloudEventAttributeValue { attr: Some(Attr::CeInteger(1)) };
        CloudEvent {
            id: id.clone(),
            source: "rpc-clients".to_string(),
            spec_version: "1.0".to_string(),
            r#type: format!("{TYPE}.spec.create_request"),
            attributes: HashMap::from([
                ("ce-resourceid".to_string(), text(&id)),
                ("ce-resourceversion".to_string(), version),
                ("ce-clustername".to_string(), text(&self.cluster)),
                ("contenttype".to_string(), text("application/octet-stream")),
            ]),
            data: Some(Data::BinaryData(data)),
        }
    }

    /// Publishes with a deadline, and says what it ended with.
    pub async fn publish(&self, name: &str, data: Vec<u8>) -> Result<(), Status> {
        self.publish_event(self.event(name, data), TIMEOUT).await
    }

    pub async fn publish_event(&self, event: CloudEvent, timeout: Duration) -> Result<(), Status> {
        let mut request = Request::new(PublishRequest { event: Some(event) });
        request.set_timeout(timeout);
        self.events().publish(request).await.map(|_| ())
    }

    pub fn subscription(&self) -> SubscriptionRequest {
        SubscriptionRequest {
            cluster_name: self.cluster.clone(),
            data_type: TYPE.to_string(),
            ..Default::default()
        }
    }

    /// A stream whose headers are here, and their subscription ids.
    pub async fn subscribe(&self) -> (Streaming<CloudEvent>, Vec<String>) {
        let answer: Response<_> = self.events().subscribe(self.subscription()).await.expect("a subscription");
        let values = answer.metadata().get_all("subscription-id").iter();
        let ids = values.map(|value| value.to_str().expect("ASCII").to_string()).collect();
        (answer.into_inner(), ids)
    }
}

/// The next event that is not a heartbeat.
pub async fn receive(stream: &mut Streaming<CloudEvent>) -> CloudEvent {
    loop {
        let event = tokio::time::timeout(TIMEOUT, stream.message()).await.expect("an event in time");
        let event = event.expect("an event").expect("a stream that goes on");
        if !event.r#type.ends_with(".heartbeat") {
            return event;
        }
    }
}

/// The code with which a stream ends, whatever comes before.
pub async fn end_of<T>(stream: &mut Streaming<T>) -> String {
    loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => return "OK".to_string(),
            Err(status) => return name_of(status.code()),
        }
    }
}

pub fn code_of<T>(result: &Result<T, Status>) -> String {
    name_of(result.as_ref().err().map_or(Code::Ok, Status::code))
}

/// A code as gRPC spells it: `DeadlineExceeded` is `DEADLINE_EXCEEDED`.
fn name_of(code: Code) -> String {
    if code == Code::Ok {
        return "OK".to_string();
    }
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_uppercase());
    }
    name
}

pub fn say_code<T>(check: &str, result: &Result<T, Status>) {
    say(check, [("code", code_of(result).into())]);
}

pub fn data(size: usize) -> Vec<u8> {
    (0..size).map(|i| (31 * i + (i >> 8)) as u8).collect()
}

pub fn count(codes: impl IntoIterator<Item = String>) -> Json {
    let mut counts = BTreeMap::new();
    for code in codes {
        *counts.entry(code).or_insert(0) += 1;
    }
    Json::Counts(counts)
}

/// Waits for the test.
pub async fn go_on() {
    use tokio::io::AsyncBufReadExt;
    let mut line = String::new();
    let read =
        tokio::io::BufReader::new(tokio::io::stdin()).read_line(&mut line).await.expect("standard input");
    assert!(read > 0, "the test has gone");
}
