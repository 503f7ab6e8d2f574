//! The scenarios with much at a time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::task::LocalSet;
use tokio_stream::wrappers::ReceiverStream;

use crate::client::{code_of, count, end_of, go_on, receive, Client};
use crate::json::{say, Json};
use crate::scenarios::batch;

pub async fn many(client: &Client) {
    let subscriptions = client.flags.number("--count", 1000);
    LocalSet::new()
        .run_until(async {
            let opening: Vec<_> = (0..subscriptions)
                .map(|_| {
                    let client = client.clone();
                    tokio::task::spawn_local(async move { client.subscribe().await })
                })
                .collect();
            let mut streams = Vec::new();
            let mut ids = 0;
            for opened in opening {
                let (stream, seen) = opened.await.expect("a subscription");
                ids += seen.len() as u64;
                streams.push(stream);
            }
            say("subscribed", [("count", Json::Number(ids))]);
            client.publish("all", b"{}".to_vec()).await.expect("an answer");
            let mut received = 0;
            for stream in &mut streams {
                received += u64::from(receive(stream).await.id.ends_with("-all"));
            }
            say("received", [("count", Json::Number(received))]);
            let quiet = Client { cluster: format!("{}-quiet", client.cluster), ..client.clone() };
            let next = Rc::new(Cell::new(0));
            let workers: Vec<_> = (0..1000)
                .map(|_| {
                    let (quiet, next) = (quiet.clone(), next.clone());
                    tokio::task::spawn_local(async move {
                        let mut codes = Vec::new();
                        while next.get() < 2000 {
                            let number = next.replace(next.get() + 1);
                            codes.push(code_of(&quiet.publish(&format!("m{number}"), b"{}".to_vec()).await));
                        }
                        codes
                    })
                })
                .collect();
            let mut codes = Vec::new();
            for worker in workers {
                codes.extend(worker.await.expect("a worker"));
            }
            say("published", [("codes", count(codes))]);
        })
        .await;
}

pub async fn aging(client: &Client) {
    LocalSet::new()
        .run_until(async {
            let told = tokio::task::spawn_local(go_on());
            let mut codes = Vec::new();
            while !told.is_finished() {
                let first = codes.len();
                let calls: Vec<_> = (first..first + 32)
                    .map(|number| {
                        let client = client.clone();
                        tokio::task::spawn_local(async move {
                            code_of(&client.publish(&format!("a{number}"), b"{}".to_vec()).await)
                        })
                    })
                    .collect();
                for call in calls {
                    codes.push(call.await.expect("a call"));
                }
            }
            say("published", [("codes", count(codes))]);
        })
        .await;
}

async fn publish(client: Client, worker: usize, codes: Rc<RefCell<Vec<String>>>) {
    for number in 0.. {
        let code = code_of(&client.publish(&format!("w{worker}-{number}"), b"{}".to_vec()).await);
        codes.borrow_mut().push(code.clone());
        if codes.borrow().len() == 200 {
            say("running", []);
        }
        if code != "OK" {
            return;
        }
    }
}

async fn publish_stream(client: Client, worker: usize) -> String {
    let (batches, receiver) = tokio::sync::mpsc::channel(1);
    let name = format!("s{worker}-");
    batches.send(batch(&client, 1, 1, &name)).await.expect("room");
    let mut answers = match client.broker().publish_stream(ReceiverStream::new(receiver)).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return code_of::<()>(&Err(status)),
    };
    let mut sent = 1;
    loop {
        match answers.message().await {
            Ok(Some(_)) => {
                sent += 1;
                // When the other side reads no more, the answer says why.
                let _ = batches.send(batch(&client, sent, 1, &name)).await;
            }
            Ok(None) => return "OK".to_string(),
            Err(status) => return code_of::<()>(&Err(status)),
        }
    }
}

pub async fn load(client: &Client) {
    LocalSet::new()
        .run_until(async {
            let codes = Rc::new(RefCell::new(Vec::new()));
            let mut ends = Vec::new();
            for _ in 0..16 {
                let (mut stream, _) = client.subscribe().await;
                ends.push(tokio::task::spawn_local(async move { end_of(&mut stream).await }));
            }
            let streams: Vec<_> = (0..4)
                .map(|worker| tokio::task::spawn_local(publish_stream(client.clone(), worker)))
                .collect();
            let workers: Vec<_> = (0..64)
                .map(|worker| tokio::task::spawn_local(publish(client.clone(), worker, codes.clone())))
                .collect();
            for worker in workers {
                worker.await.expect("a worker");
            }
            let mut subscriptions = Vec::new();
            for end in ends {
                subscriptions.push(end.await.expect("an end"));
            }
            let mut streamed = Vec::new();
            for stream in streams {
                streamed.push(stream.await.expect("an end"));
            }
            let calls = count(codes.borrow_mut().drain(..));
            say(
                "over",
                [("calls", calls), ("subscriptions", count(subscriptions)), ("streams", count(streamed))],
            );
        })
        .await;
}
