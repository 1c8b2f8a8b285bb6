//! Datagrams that only holders of a key can write or read: XChaCha20-Poly1305 (RFC 8439 with the extended nonce).
//!
//! ```text
//! magic 2 | version 1 | key id 8 | sender 8, run 8, counter 8 = nonce | sealed body | tag 16
//! ```
//!
//! Numbers are big-endian. A run is drawn when a process begins and its counter never repeats, so no nonce is used twice
//! under one key, and the nonce is the packet's name for the replay window as well. The label of the cluster goes into the tag of
//! every packet and is in none, so what was sealed for another cluster, even with the same key, does not open.
//!
//! **What this does not do.** The key is shared: its holders can tell a member's packet from a stranger's, but each of them
//! could write a packet in the name of another. Whatever must come from one node alone goes by stream, where certificates
//! speak. What is played again after it was forgotten is in the words of the `window` module.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chacha20poly1305::aead::{Aead, AeadInOut, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use delian_core::NodeId;

use super::keyring::{KeyId, Keyring};
use super::window::{Number, Verdict, Windows};
use super::{ClusterLabel, SecurityError};

/// What every sealed packet begins with.
const MAGIC: [u8; 2] = *b"D\xe7";

/// The form of packets that is spoken here.
const VERSION: u8 = 1;

const KEY_AT: usize = 3;
const NONCE_AT: usize = KEY_AT + 8;
const BODY_AT: usize = NONCE_AT + 24;
const TAG_BYTES: usize = 16;

/// How many bytes a packet has beside its body.
pub const SEAL_BYTES: usize = BODY_AT + TAG_BYTES;

/// How many senders are remembered: as many as a pool has members by default. A sender takes a few hundred bytes once it
/// was heard.
pub const SENDERS_MAX: usize = 131_072;

/// Why a packet does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// It is no sealed packet.
    NotSealed,
    /// Another version of the form wrote it.
    Version(u8),
    /// It was sealed with a key that is not in the ring.
    UnknownKey(KeyId),
    /// Its tag does not fit: it was altered, or is of another cluster.
    Forged,
    /// It was here before.
    Replayed,
    /// It is so old that nobody remembers whether it was here before.
    Stale,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSealed => write!(f, "it is no sealed packet"),
            Self::Version(version) => write!(f, "it has version {version}, but {VERSION} is spoken here"),
            Self::UnknownKey(id) => write!(f, "it was sealed with key {id}, which is not in the key ring"),
            Self::Forged => write!(f, "it was altered, or sealed for another cluster"),
            Self::Replayed => write!(f, "it was here before"),
            Self::Stale => write!(f, "it is older than what is remembered"),
        }
    }
}

impl std::error::Error for OpenError {}

/// What seals the packets of one process.
#[derive(Debug)]
pub struct Sealer {
    keyring: Arc<Keyring>,
    cluster: ClusterLabel,
    sender: NodeId,
    run: u64,
    counter: AtomicU64,
}

impl Sealer {
    /// Begins a run of this sender.
    ///
    /// # Errors
    ///
    /// Returns that the operating system has no randomness to give.
    pub fn new(keyring: Arc<Keyring>, cluster: ClusterLabel, sender: NodeId) -> Result<Self, SecurityError> {
        Ok(Self { keyring, cluster, sender, run: getrandom::u64()?, counter: AtomicU64::new(0) })
    }

    /// Seals a packet. Returns `None` when the run has no number left or the body is too long for the cipher, and no packet
    /// of a process comes to either.
    pub fn seal(&self, body: &[u8]) -> Option<Vec<u8>> {
        let counter =
            self.counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |counter| counter.checked_add(1)).ok()?;
        let keys = self.keyring.keys();
        let (id, cipher) = keys.first();
        let mut packet = Vec::with_capacity(SEAL_BYTES + body.len());
        packet.extend(MAGIC);
        packet.push(VERSION);
        packet.extend(id.0);
        for number in [self.sender.get(), self.run, counter] {
            packet.extend(number.to_be_bytes());
        }
        let nonce = nonce_of(&packet);
        let aad = associated(&packet, &self.cluster);
        let mut sealed = body.to_vec();
        cipher.encrypt_in_place(&nonce, &aad, &mut sealed).ok()?;
        packet.append(&mut sealed);
        Some(packet)
    }
}

/// What opens the packets of all senders.
#[derive(Debug)]
pub struct Opener {
    keyring: Arc<Keyring>,
    cluster: ClusterLabel,
    windows: Mutex<Windows>,
}

impl Opener {
    /// Opens packets of this cluster and remembers so many senders at most.
    pub fn new(keyring: Arc<Keyring>, cluster: ClusterLabel, senders_max: usize) -> Self {
        Self { keyring, cluster, windows: Mutex::new(Windows::new(senders_max.max(1))) }
    }

    /// Opens a packet: says who sealed it, as far as a shared key can say that, and what it holds.
    ///
    /// # Errors
    ///
    /// Returns why it does not open, or may not.
    pub fn open(&self, packet: &[u8]) -> Result<(NodeId, Vec<u8>), OpenError> {
        if packet.len() < SEAL_BYTES || packet[..2] != MAGIC {
            return Err(OpenError::NotSealed);
        }
        if packet[2] != VERSION {
            return Err(OpenError::Version(packet[2]));
        }
        let id = KeyId(eight(packet, KEY_AT));
        let keys = self.keyring.keys();
        let cipher = keys.of_id(id).ok_or(OpenError::UnknownKey(id))?;
        let [sender, run, counter] = [0, 8, 16].map(|at| u64::from_be_bytes(eight(packet, NONCE_AT + at)));
        let number = Number { sender, run, counter };
        // Before the work of opening: a flood of copies costs little.
        known(self.windows.lock().unwrap_or_else(PoisonError::into_inner).judge(number))?;
        let body = decrypt(cipher, packet, &self.cluster).ok_or(OpenError::Forged)?;
        known(self.windows.lock().unwrap_or_else(PoisonError::into_inner).take(number))?;
        Ok((NodeId::new(sender), body))
    }
}

fn known(verdict: Verdict) -> Result<(), OpenError> {
    match verdict {
        Verdict::Fresh => Ok(()),
        Verdict::Replayed => Err(OpenError::Replayed),
        Verdict::Stale => Err(OpenError::Stale),
    }
}

fn decrypt(cipher: &XChaCha20Poly1305, packet: &[u8], cluster: &ClusterLabel) -> Option<Vec<u8>> {
    let (header, sealed) = packet.split_at_checked(BODY_AT)?;
    let aad = associated(header, cluster);
    cipher.decrypt(&nonce_of(header), Payload { msg: sealed, aad: &aad }).ok()
}

/// What the tag covers beside the body: all before it, and the cluster's label.
fn associated(header: &[u8], cluster: &ClusterLabel) -> Vec<u8> {
    [header, cluster.as_str().as_bytes()].concat()
}

fn nonce_of(header: &[u8]) -> XNonce {
    let mut nonce = [0; 24];
    nonce.copy_from_slice(&header[NONCE_AT..BODY_AT]);
    XNonce::from(nonce)
}

/// Eight bytes of a packet that is long enough.
fn eight(packet: &[u8], at: usize) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&packet[at..at + 8]);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::security::keyring::Key;

    const LINE: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn label(label: &str) -> ClusterLabel {
        ClusterLabel::new(label).unwrap()
    }

    fn ring(keys: &[&Key]) -> Arc<Keyring> {
        Arc::new(Keyring::new(&keys.iter().map(|key| (*key).clone()).collect::<Vec<_>>()).unwrap())
    }

    fn pair(cluster: &str) -> (Sealer, Opener) {
        let ring = ring(&[&Key::of_line(LINE).unwrap()]);
        let sealer = Sealer::new(Arc::clone(&ring), label(cluster), NodeId::new(7)).unwrap();
        (sealer, Opener::new(ring, label(cluster), 8))
    }

    #[test]
    fn a_packet_is_the_same_bytes_on_every_machine() {
        let (mut sealer, _) = pair("alpha");
        sealer.run = 9;
        let packet = sealer.seal(b"hi").unwrap();
        let hex = packet.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        // Golden, and what an implementation written from RFC 8439 and the draft of the extended nonce alone makes of it.
        let header = "44e701a2e6a38476b5b198";
        let nonce = "000000000000000700000000000000090000000000000000";
        assert_eq!(hex, format!("{header}{nonce}7c68bc5d3e3427a923482f9e8070c3eee8aa"));
    }

    #[test]
    fn a_packet_opens_once_and_says_who_sealed_it() {
        let (sealer, opener) = pair("alpha");
        for body in [b"".as_slice(), b"x", &[7; 1400]] {
            let packet = sealer.seal(body).unwrap();
            assert_eq!(packet.len(), body.len() + SEAL_BYTES);
            assert_eq!(opener.open(&packet), Ok((NodeId::new(7), body.to_vec())));
            assert_eq!(opener.open(&packet), Err(OpenError::Replayed));
        }
    }

    #[test]
    fn a_packet_of_another_cluster_or_with_a_foreign_key_does_not_open() {
        let (sealer, _) = pair("beta");
        let (_, opener) = pair("alpha");
        assert_eq!(opener.open(&sealer.seal(b"hi").unwrap()), Err(OpenError::Forged));
        let foreign = Key::generate().unwrap();
        let sealer = Sealer::new(ring(&[&foreign]), label("alpha"), NodeId::new(7)).unwrap();
        assert_eq!(opener.open(&sealer.seal(b"hi").unwrap()), Err(OpenError::UnknownKey(foreign.id())));
    }

    #[test]
    fn no_bit_can_be_flipped_and_a_forged_packet_uses_no_number_up() {
        let (sealer, opener) = pair("alpha");
        let packet = sealer.seal(b"hello").unwrap();
        for bit in 0..packet.len() * 8 {
            let mut flipped = packet.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(opener.open(&flipped).is_err(), "bit {bit}");
        }
        assert!(opener.open(&packet).is_ok());
    }

    #[test]
    fn keys_change_without_a_gap() {
        let [old, new] = [(); 2].map(|()| Key::generate().unwrap());
        let (here, there) = (ring(&[&old]), ring(&[&old]));
        let sealer = Sealer::new(Arc::clone(&here), label("alpha"), NodeId::new(7)).unwrap();
        let opener = Opener::new(Arc::clone(&there), label("alpha"), 8);
        let is_heard = || opener.open(&sealer.seal(b"hi").unwrap()).is_ok();
        // Each step is taken here and there in either order, and all are heard between.
        let steps: [&[&Key]; 4] = [&[&old], &[&old, &new], &[&new, &old], &[&new]];
        for (index, step) in steps.iter().enumerate() {
            let keys: Vec<Key> = step.iter().map(|key| (*key).clone()).collect();
            let (first, second) = if index % 2 == 0 { (&here, &there) } else { (&there, &here) };
            first.replace(&keys).unwrap();
            assert!(is_heard(), "between, step {index}");
            second.replace(&keys).unwrap();
            assert!(is_heard(), "after, step {index}");
        }
        assert_eq!(opener.keyring.ids(), [new.id()]);
    }

    #[test]
    fn a_run_without_numbers_seals_nothing_more() {
        let (sealer, _) = pair("alpha");
        sealer.counter.store(u64::MAX, Ordering::Relaxed);
        assert_eq!(sealer.seal(b"hi"), None);
        assert_eq!(sealer.seal(b"hi"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_open_and_none_panic(bytes in prop::collection::vec(any::<u8>(), 0..2048), header in any::<bool>()) {
            let (_, opener) = pair("alpha");
            let bytes = if header { [MAGIC.as_slice(), &[VERSION], &bytes].concat() } else { bytes };
            prop_assert!(opener.open(&bytes).is_err());
        }
    }
}
