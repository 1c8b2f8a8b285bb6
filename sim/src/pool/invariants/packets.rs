//! Every datagram fits, and its bytes say what it says.

use delian_core::Time;
use delian_core::swim::{Carrier, Packet};

use super::history::History;
use super::{Breach, Property};

/// See [`Property::RULE`].
pub(super) struct Packets;

impl Property for Packets {
    const NAME: &'static str = "packets-fit-and-read-back";
    const RULE: &'static str = "No datagram has more bytes than the settings allow, and of every 64 packets one is encoded: \
                                it has as many bytes as it says, and they decode to the same packet.";
}

/// One packet of so many is encoded.
const SAMPLED_OF: u64 = 64;

/// Judges a packet, the one of this number.
pub(super) fn on_packet(
    history: &History,
    now: Time,
    from: u32,
    (number, carrier, packet): (u64, Carrier, &Packet),
) -> Result<(), Breach> {
    let (bytes, who) = (packet.encoded_len(), || history.who(from));
    let most = history.rows[from as usize].settings.as_ref().map_or(usize::MAX, |it| it.packet_bytes_max());
    if carrier == Carrier::Datagram && bytes > most {
        return Err(Packets::breach(now, format!("{} sends {bytes} bytes in a datagram, above {most}", who())));
    }
    if !number.is_multiple_of(SAMPLED_OF) {
        return Ok(());
    }
    let encoded = packet.encode();
    if encoded.len() != bytes {
        let facts = format!("{} sends {} bytes and says that they are {bytes}", who(), encoded.len());
        return Err(Packets::breach(now, facts));
    }
    if Packet::decode(&encoded).as_ref() != Ok(packet) {
        return Err(Packets::breach(now, format!("{} sends {packet:?}, which does not read back", who())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, gossip, history, node};
    use super::*;
    use delian_core::swim::{Incarnation, News};

    #[test]
    fn a_datagram_that_is_too_large_is_noticed() {
        let dead = News::Dead { member: node(1), incarnation: Incarnation::ZERO };
        let (small, large) = (gossip(0, vec![dead.clone()]), gossip(0, vec![dead; 200]));
        let judge = |carrier, packet| on_packet(&history(2), at(1), 0, (0, carrier, packet));
        assert_eq!(judge(Carrier::Datagram, &small), Ok(()));
        assert!(judge(Carrier::Datagram, &large).is_err());
        assert_eq!(judge(Carrier::Stream, &large), Ok(()));
    }
}
