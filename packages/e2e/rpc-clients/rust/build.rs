// The code of the contract, from the file of descriptors that the set-up has made: no protoc is needed.
use prost::Message;

fn main() {
    println!("cargo:rerun-if-env-changed=CE_BROKER_DESCRIPTORS");
    let path =
        std::env::var("CE_BROKER_DESCRIPTORS").expect("CE_BROKER_DESCRIPTORS names the file of descriptors");
    println!("cargo:rerun-if-changed={path}");
    let bytes = std::fs::read(path).expect("the file of descriptors");
    let descriptors = prost_types::FileDescriptorSet::decode(bytes.as_slice()).expect("descriptors");
    tonic_prost_build::configure()
        .build_server(false)
        .build_transport(false)
        .compile_fds(descriptors)
        .expect("code of the contract");
}
