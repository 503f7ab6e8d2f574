//! tonic as a client: plays the scenarios of ../README.md.
//!
//!     rpc-client SCENARIO HOST:PORT [--FLAG VALUE ...]

mod client;
mod json;
mod load;
mod scenarios;

/// The contract, as tonic generates it.
pub mod pb {
    pub mod io {
        pub mod cloudevents {
            pub mod v1 {
                tonic::include_proto!("io.cloudevents.v1");
            }
        }
    }
    pub mod ce_broker {
        pub mod v1 {
            tonic::include_proto!("ce_broker.v1");
        }
    }
    pub mod health {
        tonic::include_proto!("grpc.health.v1");
    }
    pub mod reflection {
        tonic::include_proto!("grpc.reflection.v1");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(scenario), Some(address)) = (args.next(), args.next()) else {
        panic!("usage: rpc-client SCENARIO HOST:PORT [--FLAG VALUE ...]");
    };
    let flags = client::Flags::read(address, args);
    scenarios::play(&scenario, &client::Client::new(flags)).await;
    // Streams that are still open end with the process.
    std::process::exit(0);
}
