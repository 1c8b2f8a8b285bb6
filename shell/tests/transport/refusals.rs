//! Who is not let in, and that both sides are told why.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use delian_core::io::Parcel;
use delian_core::node::Tier;
use delian_core::swim::Carrier;
use delian_core::swim::packet::Body;
use delian_core::{Blob, NodeId, WallTime};
use delian_shell::security::pki::{Authority, Issued, Validity};
use delian_shell::security::tls::Pems;
use delian_shell::transport::{Arrival, Bound, Letter, Limits, LinksConfig, Network, Refused};
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{ALPHA, End, KEY, Way, armed, config, issued, keys, label, until};

fn ask() -> Letter {
    Letter::Ask { number: 1, command: Blob::default() }
}

/// The greeting of a node on the lane of consensus, as the transport writes it.
pub(crate) fn greeting(from: u64, meant: Option<u64>, cluster: &str) -> Vec<u8> {
    let mut rest = vec![1];
    rest.extend(from.to_be_bytes());
    rest.push(u8::from(meant.is_some()));
    rest.extend(meant.unwrap_or(0).to_be_bytes());
    rest.push(cluster.len() as u8);
    rest.extend(cluster.as_bytes());
    [b"DELN\x01", (rest.len() as u16).to_be_bytes().as_slice(), &rest].concat()
}

/// Reads an answer to a greeting: nothing for a welcome, or the reason.
pub(crate) async fn answer(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> std::io::Result<String> {
    let refused = stream.read_u8().await?;
    let length = stream.read_u16().await?;
    let mut reason = vec![0; usize::from(length)];
    stream.read_exact(&mut reason).await?;
    assert_eq!(refused == 1, length > 0);
    Ok(String::from_utf8(reason).unwrap())
}

fn roots(authority: &Authority) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap()).unwrap();
    roots
}

fn chain(pems: &Pems) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let certificate = CertificateDer::from_pem_slice(pems.certificate.as_bytes()).unwrap();
    (vec![certificate], PrivateKeyDer::from_pem_slice(pems.key.as_bytes()).unwrap())
}

/// Dials a node as no node would: it shows this certificate, or none, and says this greeting. Returns what it was told.
async fn intrude(to: SocketAddr, shown: Option<&Pems>, greeting: &[u8]) -> std::io::Result<String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
    let builder = builder.unwrap().with_root_certificates(roots(&ALPHA));
    let config = match shown.map(chain) {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        None => builder.with_no_client_auth(),
    };
    let name = ServerName::try_from("n1.node.alpha.delian.invalid").unwrap();
    let stream = TcpStream::connect(to).await?;
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let _ = stream.write_all(greeting).await;
    let _ = stream.flush().await;
    answer(&mut stream).await
}

fn expired() -> Pems {
    let validity = Validity { from: WallTime::from_unix_millis(0), until: WallTime::from_unix_millis(1_000_000) };
    Pems::from(&ALPHA.issue_between(NodeId::new(2), "x", &[""; 0], validity).unwrap())
}

/// A certificate that alpha's key signed for a node of another cluster, which no `Authority` does.
fn strayed() -> Pems {
    let mut authority = CertificateParams::default();
    let key = KeyPair::from_pem(&ALPHA.key_pem()).unwrap();
    let mark: Vec<String> = authority.key_identifier(&key)[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    authority.distinguished_name.push(DnType::CommonName, format!("authority of alpha-{}", mark.join("-")));
    authority.distinguished_name.push(DnType::OrganizationName, "delian");
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["n2.node.beta.delian.invalid".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap().pem();
    Pems { authority: ALPHA.certificate_pem().to_owned(), certificate, key: key.serialize_pem() }
}

#[tokio::test]
async fn whoever_shows_no_valid_certificate_is_refused_and_told() {
    let other = Authority::new(&label("alpha")).unwrap();
    let cases = [
        (Some(issued(&other, 2)), "UnknownIssuer", "certificate of n2 of cluster \"alpha\"", "UnknownCA"),
        (Some(expired()), "expired", "certificate of n2 of cluster \"alpha\"", "CertificateExpired"),
        (None, "no certificates", "no certificate was shown", "CertificateRequired"),
    ];
    for (shown, why, found, told) in cases {
        let here = End::new(config(Way::Tls, 1)).await;
        let heard = intrude(here.address, shown.as_ref(), &greeting(2, Some(1), "alpha")).await;
        let heard = heard.unwrap_err().to_string();
        assert!(heard.contains(told), "{heard:?} does not tell {told}");
        let note = here.refusal(Refused::Certificate).await;
        for part in [why, found, "expected a node of cluster \"alpha\""] {
            assert!(note.why.contains(part), "{:?} does not say {part:?}", note.why);
        }
        assert_eq!(here.counters.incoming(), 0);
    }
}

#[tokio::test]
async fn whoever_says_more_than_its_certificate_is_refused_and_told() {
    let cases = [
        (
            issued(&ALPHA, 3),
            greeting(2, Some(1), "alpha"),
            Refused::Identity,
            "its certificate is of n3 of cluster \"alpha\"",
        ),
        (issued(&ALPHA, 2), greeting(2, Some(1), "beta"), Refused::Identity, "it says it is n2 of cluster \"beta\""),
        (issued(&ALPHA, 2), greeting(2, Some(7), "alpha"), Refused::Identity, "means n7, but this is n1"),
        (
            strayed(),
            greeting(2, Some(1), "beta"),
            Refused::Cluster,
            "of n2 of cluster \"beta\", but this is cluster \"alpha\"",
        ),
    ];
    for (shown, greeting, refused, why) in cases {
        let here = End::new(config(Way::Tls, 1)).await;
        let told = intrude(here.address, Some(&shown), &greeting).await.unwrap();
        assert!(told.contains(why), "{told:?} does not say {why:?}");
        assert_eq!(here.refusal(refused).await.why, told);
    }
    let here = End::new(config(Way::Tls, 1)).await;
    let welcome = intrude(here.address, Some(&issued(&ALPHA, 2)), &greeting(2, Some(1), "alpha")).await.unwrap();
    assert_eq!(welcome, "", "an honest one is let in");
}

#[tokio::test]
async fn a_node_that_is_not_the_one_that_was_dialled_is_refused() {
    let (mut here, there) = (End::new(config(Way::Tls, 1)).await, End::new(config(Way::Tls, 3)).await);
    here.links.send(NodeId::new(2), there.address, ask());
    let note = here.refusal(Refused::Certificate).await;
    assert_eq!(note.peer, format!("n2 at {}", there.address));
    for part in ["found the certificate of n3 of cluster \"alpha\"", "expected n2 of cluster \"alpha\""] {
        assert!(note.why.contains(part), "{}", note.why);
    }
    let told = there.refusal(Refused::Certificate).await;
    assert!(told.why.contains("alert"), "{}", told.why);
}

#[tokio::test]
async fn members_of_pools_that_have_another_authority_refuse_each_other() {
    let other = Authority::new(&label("beta")).unwrap();
    let mut here = End::new(config(Way::Tls, 1)).await;
    let beta =
        LinksConfig { cluster: label("beta"), security: armed(&other, 2, keys(&[&KEY])), ..config(Way::Plain, 2) };
    let there = End::new(beta).await;
    let packet = super::rounds::packet(here.id, Body::Gossip, vec![]);
    here.links.send_packet(Tier::Local, Parcel { to: there.address, carrier: Carrier::Stream, packet });
    let note = here.refusal(Refused::Certificate).await;
    assert!(note.why.contains("found the certificate of n2 of cluster \"beta\""), "{}", note.why);
    assert!(note.why.contains("expected a node of cluster \"alpha\""), "{}", note.why);
}

#[tokio::test]
async fn a_server_whose_certificate_has_run_out_or_strayed_is_refused() {
    for (pems, why) in [(expired(), "expired"), (strayed(), "found the certificate of n2 of cluster \"beta\"")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
        let (chain, key) = chain(&pems);
        let config_of_server = builder.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            TlsAcceptor::from(Arc::new(config_of_server)).accept(stream).await.map(drop)
        });
        let mut here = End::new(config(Way::Tls, 1)).await;
        let packet = super::rounds::packet(here.id, Body::Gossip, vec![]);
        here.links.send_packet(Tier::Local, Parcel { to: address, carrier: Carrier::Stream, packet });
        let note = here.refusal(Refused::Certificate).await;
        assert!(note.why.contains(why), "{}", note.why);
        assert!(server.await.unwrap().is_err(), "it was told");
    }
}

#[tokio::test]
async fn a_foreign_cluster_is_refused_in_plain_text_with_a_reason_that_both_sides_note() {
    let mut here = End::new(LinksConfig { cluster: label("beta"), ..config(Way::Plain, 2) }).await;
    let there = End::new(config(Way::Plain, 1)).await;
    here.links.send(there.id, there.address, ask());
    let found = there.refusal(Refused::Cluster).await;
    assert_eq!(found.why, "it is n2 of cluster \"beta\", but this is cluster \"alpha\"");
    let told = here.refusal(Refused::Told).await;
    assert!(told.why.contains("but this is cluster"), "{}", told.why);
    // So is whoever means another node.
    let mut stray = End::new(config(Way::Plain, 3)).await;
    stray.links.send(NodeId::new(9), there.address, ask());
    assert!(stray.refusal(Refused::Told).await.why.contains("n3 of cluster \\\"alpha\\\" means n9, but this is n1"));
}

#[tokio::test]
async fn nodes_that_speak_plain_text_and_nodes_that_do_not_refuse_each_other() {
    let (mut plain, mut armed) = (End::new(config(Way::Plain, 1)).await, End::new(config(Way::Tls, 2)).await);
    plain.links.send(armed.id, armed.address, ask());
    armed.links.send(plain.id, plain.address, ask());
    let (found, no_greeting) = (armed.refusal(Refused::Certificate).await, plain.refusal(Refused::Malformed).await);
    assert!(found.why.contains("no certificate was shown"), "{}", found.why);
    assert!(no_greeting.why.contains("no greeting"), "{}", no_greeting.why);
    until(|| plain.counters.outgoing() + armed.counters.outgoing() == 0).await;
}

#[tokio::test]
async fn a_packet_of_somebody_else_is_refused_on_either_carrier() {
    for way in [Way::Plain, Way::Tls] {
        let (mut here, there) = (End::new(config(way, 2)).await, End::new(config(way, 1)).await);
        for (carrier, count) in [(Carrier::Datagram, 1), (Carrier::Stream, 2)] {
            let packet = super::rounds::packet(NodeId::new(3), Body::Gossip, vec![]);
            here.links.send_packet(Tier::Local, Parcel { to: there.address, carrier, packet });
            until(|| there.counters.refused(Refused::Identity) == count).await;
        }
        let note = there.refusal(Refused::Identity).await;
        assert!(note.why.contains("a packet of n3, and nobody speaks for another"), "{}", note.why);
        assert!(note.peer.starts_with("n2 at 127.0.0.1:"), "{}", note.peer);
    }
}

#[tokio::test]
async fn who_comes_when_all_places_are_taken_is_told() {
    let limits = Limits { incoming_max: 1, ..Limits::default() };
    let mut there = End::new(LinksConfig { limits, ..config(Way::Tls, 1) }).await;
    let (mut first, mut second) = (End::new(config(Way::Tls, 2)).await, End::new(config(Way::Tls, 3)).await);
    first.links.send(there.id, there.address, ask());
    assert_eq!(there.next().await, Arrival::Letter(first.id, ask()));
    second.links.send(there.id, there.address, ask());
    assert!(second.refusal(Refused::Told).await.why.contains("1 connections are open here"));
    assert_eq!(there.refusal(Refused::Busy).await.peer.split(' ').next(), Some("n3"));
    drop(first);
    super::repeat_until(|| second.links.send(there.id, there.address, ask()), || there.arrivals.try_recv().is_ok())
        .await;
}

#[tokio::test]
async fn a_visitor_who_says_nothing_is_not_waited_for() {
    for way in [Way::Plain, Way::Tls] {
        let limits = Limits { handshake_timeout: Duration::from_millis(50), ..Limits::default() };
        let here = End::new(LinksConfig { limits, ..config(way, 1) }).await;
        let mut silent = TcpStream::connect(here.address).await.unwrap();
        assert!(here.refusal(Refused::Handshake).await.why.contains("did not say who it is within 50ms"));
        assert!(matches!(silent.read(&mut [0; 8]).await, Ok(0) | Err(_)), "the connection is over");
    }
}

#[tokio::test]
async fn a_certificate_of_another_node_begins_nothing() {
    let wrong = LinksConfig { id: NodeId::new(7), ..config(Way::Tls, 1) };
    let error = Bound::bind(wrong).await.unwrap_err().to_string();
    assert_eq!(error, "the certificate is of n1 of cluster \"alpha\", but n7 of cluster \"alpha\" is expected");
    let taken = End::new(config(Way::Tls, 1)).await;
    let mut config = config(Way::Tls, 1);
    config.local.bind = taken.address;
    let error = Bound::bind(config).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on {}", taken.address)), "{error}");
}

#[tokio::test]
async fn a_certificate_may_be_replaced_while_the_node_runs() {
    let mut there = End::new(config(Way::Tls, 1)).await;
    let config = config(Way::Tls, 2);
    let delian_shell::transport::Security::Tls { tls, .. } = config.security.clone() else {
        panic!("not by certificate")
    };
    let mut here = End::new(config).await;
    let renewed: Issued = ALPHA.issue(NodeId::new(2), "x", &[""; 0], Duration::from_hours(1)).unwrap();
    tls.replace(&Pems::from(&renewed)).unwrap();
    here.links.send(there.id, there.address, ask());
    assert_eq!(there.next().await, Arrival::Letter(here.id, ask()));
}
