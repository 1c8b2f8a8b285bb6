//! `delian cert`: what it writes, who may read it, and what it never writes over.

use crate::desk::Desk;

#[test]
fn a_federation_gets_its_authority_its_key_and_a_node() {
    let desk = Desk::new("cert");
    desk.delian("cert authority --cluster prod --out authority").with(0).says("next: delian cert key");
    desk.delian("cert key --out keyring").with(0);
    let node = "cert node --authority authority --id n1 --name ada --address 10.0.0.1 --keyring keyring --out ada";
    desk.delian(node).with(0).says("the certificate of ada (n1) in prod");
    for file in ["authority/authority.pem", "authority/authority.key", "ada/node.pem", "ada/node.key"] {
        assert!(desk.read(file).starts_with("-----BEGIN "), "{file}");
    }
    assert_eq!(desk.read("ada/authority.pem"), desk.read("authority/authority.pem"));
    assert_eq!(desk.read("ada/keyring"), desk.read("keyring"));
    #[cfg(unix)]
    for secret in ["authority/authority.key", "ada/node.key", "ada/keyring", "keyring"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(desk.path(secret)).expect("it was written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    // What was written is what a node looks for, so that it starts with no key of `[security]` set.
    let printed =
        desk.delian("node --data ada --set node.id=n1 --set cluster.label=prod --print-config").with(0).output;
    for line in ["certificate = \"ada/node.pem\"", "key = \"ada/node.key\"", "key_ring = \"ada/keyring\""] {
        assert!(printed.contains(line), "{line} in {printed}");
    }
}

#[test]
fn nothing_is_written_over() {
    let desk = Desk::new("cert-again");
    desk.delian("cert authority --out authority").with(0);
    let before = desk.read("authority/authority.key");
    desk.delian("cert authority --out authority").with(2).complains("is there already");
    assert_eq!(desk.read("authority/authority.key"), before);
    desk.delian("cert authority --cluster Prod --out other").with(2).complains("no label of a cluster");
    desk.delian("cert node --authority nowhere --out a").with(2).complains("nowhere/authority.pem");
    desk.delian("cert node --authority authority --out a").with(0).says("--set node.id=n");
}

#[test]
fn a_key_is_added_behind_the_others_up_to_a_limit() {
    let desk = Desk::new("cert-keys");
    desk.delian("cert key --add --out keyring").with(2).complains("keyring");
    desk.delian("cert key --out keyring").with(0);
    let first = desk.read("keyring");
    desk.delian("cert key --out keyring").with(2).complains("is there already");
    for _ in 1..8 {
        desk.delian("cert key --add --out keyring").with(0);
    }
    assert!(desk.read("keyring").starts_with(&first));
    desk.delian("cert key --add --out keyring").with(2).complains("there are 9 keys, but 8 are the most");
}
