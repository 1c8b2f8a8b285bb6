//! The keys that seal datagrams, and how they are changed without a break.
//!
//! A key file holds keys of 32 bytes, one in a line, as 64 hexadecimal digits or in base64; lines that begin with `#` are
//! left out. The first key seals, all of them open. To change it: add the new key behind the others everywhere and have
//! every node read the file again; then put it first everywhere; then take the old one out.
//!
//! A packet names its key by [`KeyId`], eight bytes that follow from the key and tell nothing of it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use rustls::crypto::ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;

use super::SecurityError;
use super::pki::{Mode, read_text, write_new};

/// How many bytes a key has.
pub const KEY_BYTES: usize = 32;

/// The most keys in a ring: two are enough for a change, and every key more is one more that may leak.
pub const KEYS_MAX: usize = 8;

/// What is hashed before a key, so that an identity is the hash of nothing else.
const KEY_ID_PREFIX: &[u8] = b"delian datagram key 1";

/// Which key sealed a packet: the first bytes of a SHA-256 hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(super) [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key for datagrams. Its bytes are shown nowhere but in [`Key::to_line`].
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    /// Makes a key.
    ///
    /// # Errors
    ///
    /// Returns that the operating system has no randomness to give.
    pub fn generate() -> Result<Self, SecurityError> {
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads a key from its line.
    ///
    /// # Errors
    ///
    /// Returns what a key looks like if this is none, and not what stands there.
    pub fn of_line(line: &str) -> Result<Self, &'static str> {
        let line = line.trim();
        let bytes = if line.len() == 2 * KEY_BYTES {
            of_hexadecimal(line).ok_or("64 letters that are not all hexadecimal digits")?
        } else {
            let engine = if line.ends_with('=') { &STANDARD } else { &STANDARD_NO_PAD };
            engine.decode(line).map_err(|_| "neither 64 hexadecimal digits nor base64 of 32 bytes")?
        };
        let bytes =
            <[u8; KEY_BYTES]>::try_from(bytes).map_err(|_| "a key has 32 bytes, and these are more or fewer")?;
        if bytes == [0; KEY_BYTES] {
            return Err("all of its bits are zero: make one by chance");
        }
        Ok(Self(bytes))
    }

    /// Returns the line of a key file with it: hexadecimal digits.
    pub fn to_line(&self) -> String {
        let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("half a byte is below 16");
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
    }

    /// Returns what packets name it by.
    pub fn id(&self) -> KeyId {
        let suite = TLS13_CHACHA20_POLY1305_SHA256.tls13().expect("it is a suite of TLS 1.3 by its name");
        let hash = suite.common.hash_provider.hash(&[KEY_ID_PREFIX, &self.0].concat());
        KeyId(hash.as_ref()[..8].try_into().expect("a hash by SHA-256 has 32 bytes"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id())
    }
}

fn of_hexadecimal(line: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = line.chars().map(|digit| digit.to_digit(16).map(|it| it as u8)).collect();
    Some(digits?.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Reads the text of a key file.
///
/// # Errors
///
/// Returns the line that is no key, or that there are too few or too many.
pub fn parse(text: &str) -> Result<Vec<Key>, SecurityError> {
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        if line.trim_start().starts_with('#') {
            continue;
        }
        keys.push(Key::of_line(line).map_err(|why| SecurityError::Key { line: index + 1, why })?);
    }
    Ok(keys)
}

/// Writes a key file, for its owner alone.
///
/// # Errors
///
/// Returns why it cannot be written; one that is there already is left as it is.
pub fn write(path: &Path, keys: &[Key]) -> Result<(), SecurityError> {
    check(keys)?;
    let lines: String = keys.iter().map(|key| key.to_line() + "\n").collect();
    write_new(path, &format!("# Keys for datagrams: the first one seals, all of them open.\n{lines}"), Mode::Secret)
}

fn check(keys: &[Key]) -> Result<(), SecurityError> {
    if (1..=KEYS_MAX).contains(&keys.len()) {
        Ok(())
    } else {
        Err(SecurityError::Keys { found: keys.len(), most: KEYS_MAX })
    }
}

/// The keys of a running node. They may be replaced while it runs.
pub struct Keyring {
    file: Option<PathBuf>,
    keys: RwLock<Arc<Keys>>,
}

/// Keys as they are used: the first one seals.
pub(super) struct Keys(Vec<(KeyId, XChaCha20Poly1305)>);

impl Keys {
    pub(super) fn first(&self) -> &(KeyId, XChaCha20Poly1305) {
        self.0.first().expect("a ring without keys is refused")
    }

    pub(super) fn of_id(&self, id: KeyId) -> Option<&XChaCha20Poly1305> {
        self.0.iter().find(|(its, _)| *its == id).map(|(_, key)| key)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("file", &self.file).field("keys", &self.ids()).finish()
    }
}

impl Keyring {
    /// Takes keys, the first of which seals.
    ///
    /// # Errors
    ///
    /// Returns that there are none or too many.
    pub fn new(keys: &[Key]) -> Result<Self, SecurityError> {
        Ok(Self { file: None, keys: RwLock::new(Arc::new(ready(keys)?)) })
    }

    /// Reads a key file.
    ///
    /// # Errors
    ///
    /// Returns why it cannot be read, or what is wrong with it.
    pub fn read(file: impl Into<PathBuf>) -> Result<Self, SecurityError> {
        let file = file.into();
        let keys = Self::new(&parse(&read_text(&file)?)?)?;
        Ok(Self { file: Some(file), ..keys })
    }

    /// Reads the key file again, if the keys are from one.
    ///
    /// # Errors
    ///
    /// As [`Keyring::read`]; then the keys stay as they are.
    pub fn reload(&self) -> Result<(), SecurityError> {
        let Some(file) = &self.file else { return Ok(()) };
        self.replace(&parse(&read_text(file)?)?)
    }

    /// Takes other keys, for packets to come.
    ///
    /// # Errors
    ///
    /// Returns that there are none or too many; then the keys stay as they are.
    pub fn replace(&self, keys: &[Key]) -> Result<(), SecurityError> {
        let keys = Arc::new(ready(keys)?);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Returns the identities of the keys, that of the one that seals first.
    pub fn ids(&self) -> Vec<KeyId> {
        self.keys().0.iter().map(|(id, _)| *id).collect()
    }

    pub(super) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn ready(keys: &[Key]) -> Result<Keys, SecurityError> {
    check(keys)?;
    Ok(Keys(keys.iter().map(|key| (key.id(), XChaCha20Poly1305::new(&key.0.into()))).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEXADECIMAL: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
    const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn a_key_is_written_in_hexadecimal_or_base64() {
        let key = Key::of_line(HEXADECIMAL).unwrap();
        assert_eq!(Key::of_line(&format!("  {BASE64}\t")), Ok(key.clone()));
        assert_eq!(Key::of_line(BASE64.trim_end_matches('=')), Ok(key.clone()));
        assert_eq!(key.to_line(), HEXADECIMAL.to_lowercase());
    }

    #[test]
    fn a_line_that_is_no_key_is_named_by_its_number_and_never_shown() {
        let zeros = "0".repeat(64);
        for bad in [&HEXADECIMAL[1..], &HEXADECIMAL.replace('0', "g"), "AAEC", "secret!", zeros.as_str()] {
            let error = parse(&format!("# keys\n{BASE64}\n\n{bad}\n")).unwrap_err().to_string();
            assert!(error.starts_with("line 4 is no key: ") && !error.contains(bad), "{error}");
        }
    }

    #[test]
    fn an_identity_follows_from_the_key_and_tells_nothing_of_it() {
        let key = Key::of_line(BASE64).unwrap();
        assert_eq!(key.id(), Key::of_line(HEXADECIMAL).unwrap().id());
        // Golden: packets of all releases name keys alike.
        assert_eq!(key.id().to_string(), "a2e6a38476b5b198");
        assert!(!format!("{key:?}").contains("0102"), "{key:?}");
        assert_ne!(Key::generate().unwrap().id(), Key::generate().unwrap().id());
    }

    #[test]
    fn a_ring_has_a_key_and_not_too_many() {
        let keys = vec![Key::of_line(BASE64).unwrap(); KEYS_MAX + 1];
        assert!(Keyring::new(&keys[..KEYS_MAX]).is_ok());
        assert!(matches!(Keyring::new(&keys), Err(SecurityError::Keys { found: 9, most: 8 })));
        assert!(matches!(Keyring::new(&[]), Err(SecurityError::Keys { found: 0, .. })));
    }

    #[test]
    fn a_file_that_is_read_again_and_wrong_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("keys");
        let [old, new] = [(); 2].map(|()| Key::generate().unwrap());
        write(&file, std::slice::from_ref(&old)).unwrap();
        assert!(matches!(write(&file, std::slice::from_ref(&new)), Err(SecurityError::Exists(_))));
        let ring = Keyring::read(&file).unwrap();
        assert_eq!(ring.ids(), [old.id()]);
        std::fs::write(&file, "junk").unwrap();
        assert!(ring.reload().is_err());
        assert_eq!(ring.ids(), [old.id()]);
        std::fs::write(&file, format!("{}\n{}\n", new.to_line(), old.to_line())).unwrap();
        ring.reload().unwrap();
        assert_eq!(ring.ids(), [new.id(), old.id()]);
    }
}
