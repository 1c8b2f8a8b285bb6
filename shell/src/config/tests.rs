//! Laws of the layers, and what the refusals look like.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use super::layers::Layered;
use super::*;

/// Values of every kind, as a flag has them.
const CANDIDATES: [&str; 28] = [
    "7",
    "3",
    "true",
    "false",
    "sample",
    "other",
    "200ms",
    "3s",
    "64KiB",
    "n7",
    "n8",
    "127.0.0.1:9",
    "[::1]:9",
    "json",
    "human",
    "none",
    "dev",
    "tls",
    "stream",
    "nodes",
    "apart:rack",
    "tag:x",
    "storage:1TiB",
    "1.5",
    "n1@h:1,n2@[::1]:2",
    "n3@h:1",
    "[{ name = \"ops\", role = \"operate\", file = \"a\" }]",
    "[{ name = \"ops\", role = \"read\", sha256 = \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\" }]",
];

/// Returns different values that a key takes, as a flag has them, with what they come to.
fn samples(key: &Key) -> Vec<(&'static str, String)> {
    let mut seen = BTreeSet::new();
    let taken = |text: &&'static str| {
        let mut options = Options::default();
        (key.set)(&mut options, &(key.meant)(text)).ok()?;
        Some((*text, (key.get)(&options).to_string()))
    };
    CANDIDATES.iter().filter_map(taken).filter(|(_, value)| seen.insert(value.clone())).collect()
}

fn set(key: &str, value: &str) -> Flag {
    Flag { name: "--set".to_string(), key: key.to_string(), value: value.to_string() }
}

fn in_file(text: &str) -> Sources {
    Sources { file: Some(("node.toml".to_string(), text.to_string())), ..Sources::default() }
}

/// Returns the sources in which a layer, by number, sets a key.
fn with_layer(mut sources: Sources, layer: usize, key: &Key, value: &str) -> Sources {
    match layer {
        0 => {
            let line = format!("[{}]\n{} = {}\n", key.section(), key.stem(), (key.meant)(value));
            sources.file = Some(("node.toml".to_string(), line));
        }
        1 => sources.environment.push((key.variable(), value.to_string())),
        _ => sources.flags.push(set(key.name, value)),
    }
    sources
}

#[test]
fn every_key_can_be_set_by_every_layer_and_the_stronger_wins() {
    for key in keys() {
        let samples = samples(key);
        let [(weak, weak_value), (strong, strong_value), ..] = samples.as_slice() else {
            panic!("{} takes too few of the candidates: {samples:?}", key.name)
        };
        for layer in 0..4 {
            let alone = Layered::of(&with_layer(Sources::default(), layer, key, weak));
            assert_eq!(alone.problems, [], "{} in layer {layer}", key.name);
            assert_eq!((key.get)(&alone.options).to_string(), *weak_value, "{} in layer {layer}", key.name);
            for above in layer + 1..4 {
                let both = with_layer(with_layer(Sources::default(), layer, key, weak), above, key, strong);
                let both = Layered::of(&both);
                assert_eq!((key.get)(&both.options).to_string(), *strong_value, "{}: {above} over {layer}", key.name);
                let origin = both.origins.get(key.name);
                let is_right = match above {
                    1 => matches!(origin, Some(Origin::Environment(_))),
                    _ => matches!(origin, Some(Origin::Flag(_))),
                };
                assert!(is_right, "{}: {origin:?}", key.name);
            }
        }
    }
}

#[test]
fn names_and_variables_are_unique_and_every_key_is_explained() {
    let names: BTreeSet<&str> = keys().map(|key| key.name).collect();
    let variables: BTreeSet<String> = keys().map(Key::variable).collect();
    assert_eq!((names.len(), variables.len()), (keys().count(), keys().count()));
    for key in keys() {
        assert!(key.about.ends_with('.') && key.about.len() > 20, "{}: {}", key.name, key.about);
        assert!(!key.stem().is_empty() && !key.kind().is_empty());
    }
    // Sections stand together, or they would be printed twice.
    let mut sections: Vec<&str> = keys().map(Key::section).collect();
    sections.dedup();
    assert_eq!(sections.len(), sections.iter().collect::<BTreeSet<_>>().len(), "{sections:?}");
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same(
        chosen in subsequence(keys().collect::<Vec<_>>(), 0..6),
        values in prop::collection::vec(any::<Index>(), 6),
    ) {
        let mut sources = Sources::default();
        for (key, value) in chosen.iter().zip(&values) {
            let samples = samples(key);
            sources.flags.push(set(key.name, samples[value.index(samples.len())].0));
        }
        // What makes no sense together is refused, and another test's matter.
        if let Ok(effective) = Effective::load(&sources) {
            let printed = effective.to_toml(Secrets::Shown);
            let again = Effective::load(&in_file(&printed)).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(again.options(), effective.options());
            let lines = |page: String| page.lines().map(|line| line.rsplit_once(" # ").unwrap_or((line, "")).0.trim_end().to_string()).collect::<Vec<_>>();
            prop_assert_eq!(lines(again.to_toml(Secrets::Shown)), lines(printed));
        }
    }

    #[test]
    fn no_file_makes_the_reader_panic(text: String, key in any::<Index>(), value in "[ -~]{0,20}") {
        drop(Effective::load(&in_file(&text)));
        let key = key.get(&keys().collect::<Vec<_>>()).name;
        let (section, stem) = key.split_once('.').unwrap_or((key, ""));
        drop(Effective::load(&in_file(&format!("[{section}]\n{stem} = {value}\n"))));
        drop(Effective::load(&Sources { flags: vec![set(key, &value)], ..Sources::default() }));
    }
}

#[test]
fn the_defaults_run_without_a_file() {
    let effective = Effective::load(&Sources::default()).unwrap();
    let id = delian_core::NodeId::new(7);
    let settings = effective.core(id).check().unwrap();
    assert_eq!(effective.registration(id).validate(settings.topology()), Ok(()));
    assert_eq!(effective.name(id), "n7");
    assert_eq!(effective.core(id).voters, [id].into());
    assert_eq!(effective.core(id).autopilot_voters, Some(3));
    insta::assert_snapshot!("defaults", effective.to_toml(Secrets::Redacted));
}

#[test]
fn a_founding_by_several_names_them_all() {
    let flags = vec![set("cluster.founders", "n1@10.0.0.1:7400,n2@b:7400"), set("node.id", "n2")];
    let effective = Effective::load(&Sources { flags, ..Sources::default() }).unwrap();
    let ids = [1, 2].map(delian_core::NodeId::new);
    assert_eq!(effective.core(ids[1]).voters, ids.into());
}

#[test]
fn origins_are_told_and_secrets_are_not() {
    let hash = "0".repeat(64);
    let mut sources = in_file(&format!(
        "[http]\ntokens = [{{ name = \"ops\", role = \"operate\", sha256 = \"{hash}\" }}]\n[node.tags]\ndisk = \"nvme\"\n"
    ));
    sources.environment = vec![("DELIAN_RAFT_HEARTBEAT_INTERVAL".to_string(), "100ms".to_string())];
    sources.flags = vec![Flag { name: "--http".into(), key: "http.listen".into(), value: "10.0.0.1:80".into() }];
    let effective = Effective::load(&sources).unwrap();
    let page = effective.to_toml(Secrets::Redacted);
    assert!(!page.contains(&hash) && page.contains("sha256 = \"(redacted)\""), "{page}");
    let document = effective.to_json(Secrets::Redacted);
    assert!(!document.to_string().contains(&hash));
    let told = ["http.tokens", "http.listen", "http.advertise", "raft.heartbeat_interval", "node.tags", "log.format"]
        .map(|key| format!("{key}: {} ({})\n", document[key], effective.origin(key)));
    insta::assert_snapshot!("origins", told.concat());
    assert!(!format!("{effective:?}").contains(&hash));
}

/// Returns what is said of these sources.
fn refusal(sources: &Sources) -> String {
    Effective::load(sources).expect_err("this makes no sense").to_string()
}

#[test]
fn everything_that_cannot_be_read_is_told_at_once_with_its_place() {
    let mut sources = in_file(
        "\
[http]
listn = \"127.0.0.1:8400\"
listen = \"localhost\"
tokens = [{ name = \"ops\", role = \"oprate\", file = \"a\" }]

[raft]
heartbeat_interval = 200
append_bytes_max = \"64kb\"
tags_max = 3

[htpp]
listen = 1

[node]
id = 7
latitude = 47.1234567
tags = [\"nvme\"]
voters = 3
",
    );
    let variable = |name: &str, value: &str| (name.to_string(), value.to_string());
    sources.environment = vec![
        variable("DELIAN_API", "http://127.0.0.1:8400"),
        variable("DELIAN_CLUSTER_FOUNDERS", "n1@a:1,b:2"),
        variable("DELIAN_HTTP_LISTEM", "127.0.0.1:8400"),
        variable("DELIAN_SERVICE_HOST", "10.0.0.1"),
        variable("PATH", "/bin"),
    ];
    sources.flags = vec![set("health.evict_after", "soon"), set("raft.elektion_timeout_min", "1s"), set("http", "1")];
    insta::assert_snapshot!("unreadable", refusal(&sources));
}

#[test]
fn a_file_that_is_no_toml_is_refused_at_its_mistakes() {
    insta::assert_snapshot!("no_toml", refusal(&in_file("[node]\nname = ada\nid = \"n1\nrack = \"r1\"\n[node]\n")));
    assert!(refusal(&in_file("node = 3\n")).contains("`node` is a section: write [node] and its keys below it"));
    assert!(refusal(&in_file("listen = 3\n")).contains("`listen` belongs in [network]"));
}

#[test]
fn numbers_that_make_no_sense_together_are_told_where_they_were_set() {
    let mut sources = in_file(
        "[raft]\nheartbeat_interval = \"5s\"\n\n[health]\nsilence_after = \"9s\"\n[pool]\nprobe_timeout = \"2s\"\n",
    );
    sources.flags = vec![
        set("network.packet_bytes_max", "100"),
        set("http.request_timeout", "1s"),
        set("wide_pool.name", "delian"),
        set("http.watchers_max", "0"),
    ];
    insta::assert_snapshot!("senseless", refusal(&sources));
}

#[test]
fn plain_text_needs_a_flag_and_loopback() {
    let dev = set("security.mode", "dev");
    let open = set("network.listen", "0.0.0.0:7400");
    let sources = |flags: &[&Flag], plaintext| {
        let flags = flags.iter().map(|flag| (*flag).clone()).collect();
        Sources { flags, plaintext, ..Sources::default() }
    };
    assert!(Effective::load(&sources(&[&dev], Plaintext::Permitted)).is_ok());
    let told = [
        refusal(&sources(&[&dev], Plaintext::Refused)),
        refusal(&sources(&[], Plaintext::Permitted)),
        refusal(&sources(&[&dev, &open], Plaintext::Permitted)),
        refusal(&sources(&[&set("http.listen", "0.0.0.0:8400")], Plaintext::Refused)),
    ];
    insta::assert_snapshot!("plain_text", told.join("\n\n"));
}

#[test]
fn places_and_names_are_judged_as_a_registration_is() {
    let told = [
        vec![set("node.name", "a\nb")],
        vec![set("node.rack", " ")],
        vec![set("node.latitude", "91")],
        vec![set("cluster.founders", "n1@a:1,n1@b:1")],
        vec![set("cluster.founders", "n1@a:1"), set("node.id", "n2")],
        vec![set("network.wide_join", "a:1")],
        vec![set("network.wide_listen", "127.0.0.1:7400")],
        vec![set("http.listen", "127.0.0.1:7400")],
        vec![set("cluster.label", "")],
        vec![set("cluster.label", "Delian")],
    ]
    .map(|flags| refusal(&Sources { flags, ..Sources::default() }));
    insta::assert_snapshot!("places", told.join("\n"));
}

#[test]
fn the_reference_says_what_the_keys_are() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/reference.md");
    if std::env::var_os("DELIAN_REWRITE").is_some() {
        std::fs::write(path, reference()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap();
    assert_eq!(written, reference(), "DELIAN_REWRITE=1 writes the reference anew");
}
