//! `delian ring`: what it tells of a list of nodes, and what it refuses.

use std::fs;
use std::io::Write;
use std::ops::RangeInclusive;
use std::process::Stdio;

use crate::desk::{Desk, Ended};

/// Six nodes on three racks of two datacenters, one of them away.
const RACKS: &str = "\
[[node]]
name = \"ada\"
weight = 2
region = \"eu\"
datacenter = \"zrh1\"
rack = \"r1\"
[[node]]
name = \"bob\"
region = \"eu\"
datacenter = \"zrh1\"
rack = \"r1\"
[[node]]
name = \"cyd\"
region = \"eu\"
datacenter = \"zrh1\"
rack = \"r2\"
[[node]]
name = \"dan\"
region = \"eu\"
datacenter = \"fra1\"
rack = \"r1\"
[[node]]
name = \"eve\"
weight = 0.5
region = \"eu\"
datacenter = \"fra1\"
rack = \"r1\"
[[node]]
name = \"fay\"
region = \"eu\"
datacenter = \"fra1\"
rack = \"r1\"
eligible = false
";

/// So few points that every range can be read.
const FEW: &str = "\
points_per_weight = 2
[[node]]
name = \"ada\"
[[node]]
name = \"bob\"
";

fn desk(test: &str) -> Desk {
    let desk = Desk::new(test);
    desk.write("racks.toml", RACKS);
    desk.write("few.toml", FEW);
    desk.write("more.toml", &format!("{FEW}[[node]]\nname = \"eve\"\n"));
    desk.write("three", "ada\nbob\neve\n");
    desk.write("hundred", &numbered(1..=100));
    desk
}

/// A list of so many names.
fn numbered(numbers: RangeInclusive<u32>) -> String {
    numbers.map(|node| format!("node-{node}\n")).collect::<Vec<_>>().concat()
}

/// Runs each command and returns what a reader of the terminal sees.
fn told(desk: &Desk, commands: &[&str]) -> String {
    let tell = |words: &&str| {
        let Ended { code, output, errors } = desk.delian(words);
        format!("$ delian {words}\n{output}{errors}[{}]\n", code.expect("it exits"))
    };
    commands.iter().map(tell).collect::<Vec<_>>().join("\n")
}

/// Runs a command that reads from standard input.
fn fed(desk: &Desk, words: &str, input: &[u8]) -> Ended {
    let mut command = desk.command();
    command.args(words.split_whitespace()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command was built");
    // A command that refuses its arguments reads nothing.
    drop(child.stdin.take().expect("it was piped").write_all(input));
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("the command prints UTF-8");
    Ended { code: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
}

#[test]
fn a_key_has_an_owner_and_another_one_while_that_is_away() {
    let desk = desk("ring-locate");
    insta::assert_snapshot!(told(
        &desk,
        &[
            "ring locate user:41 user:42 --nodes three",
            "ring locate user:41 user:42 --nodes three --without bob",
            "ring locate user:42 --nodes racks.toml --json",
            "ring locate user:42 --nodes three --without ada --without bob --without eve",
            "ring locate user:42 --nodes three --without bop",
        ]
    ));
}

#[test]
fn keys_and_nodes_come_from_standard_input_too() {
    let desk = desk("ring-input");
    let piped = fed(&desk, "ring locate --nodes three --json", b"user:41\r\n\nuser:42").with(0).json();
    let named = desk.delian("ring locate user:41 user:42 --nodes three --json").with(0).json();
    assert_eq!(piped, named);
    let fed_names = fed(&desk, "ring locate user:41 user:42 --nodes - --json", b"ada\nbob\neve\n").with(0).json();
    assert_eq!(fed_names, named);
    let bytes = fed(&desk, "ring locate --nodes three --json", &[0xff, 0xfe, b'\n']).with(0).json();
    assert_eq!(bytes["keys"][0]["key"], "\u{fffd}\u{fffd}");
    fed(&desk, "ring locate --nodes -", b"ada\n").with(2).complains("standard input has the nodes already");
    fed(&desk, "ring locate --nodes three", b"\n\n").with(2).complains("there is no key on standard input");
    fed(&desk, "ring diff --nodes - --to -", b"ada\n").with(2).complains("cannot both be standard input");
    fed(&desk, "ring balance --nodes -", b"\xff").with(2).complains("cannot read nodes from standard input");
    fed(&desk, "ring balance --nodes - --keys 1", b"a\na\n")
        .with(2)
        .complains("<standard input>:2:1: `a` is on line 1");
}

#[test]
fn copies_are_kept_apart_as_far_as_there_are_places() {
    let desk = desk("ring-replicas");
    insta::assert_snapshot!(told(
        &desk,
        &[
            "ring replicas user:42 user:43 --nodes racks.toml",
            "ring replicas user:42 --nodes racks.toml --spread rack",
            "ring replicas user:42 -n 4 --nodes racks.toml --spread rack",
            "ring replicas user:42 -n 2 --nodes racks.toml --spread datacenter --json",
            "ring replicas user:42 --nodes racks.toml --apart datacenter",
            "ring replicas user:42 -n 6 --nodes racks.toml",
            "ring replicas user:42 -n 4 --nodes three",
            "ring replicas user:42 --nodes three --spread rack",
        ]
    ));
    let document = desk.delian("ring replicas user:42 -n 4 --nodes three --json").with(1).json();
    assert_eq!(document["shortage"], "4 replicas need as many nodes, 3 are eligible");
    desk.delian("ring replicas user:42 -n 0 --nodes three").with(2).complains("0 is not in 1..=64");
    desk.delian("ring replicas user:42 --spread shelf --nodes three").with(2).complains("possible values: rack");
}

#[test]
fn a_change_is_told_by_who_gives_what_to_whom() {
    let desk = desk("ring-diff");
    desk.write("without-bob", "ada\neve\n");
    desk.write("heavier.toml", &RACKS.replacen("weight = 2", "weight = 3", 1).replacen("\"r2\"", "\"r3\"", 1));
    insta::assert_snapshot!(told(
        &desk,
        &[
            "ring diff --nodes few.toml --to more.toml --ranges",
            "ring diff --nodes few.toml --to more.toml --replicas 2 --json --ranges",
            "ring diff --nodes three --to without-bob --replicas 3",
            "ring diff --nodes racks.toml --to heavier.toml",
            "ring diff --nodes three --to three",
        ]
    ));
}

#[test]
fn exact_ranges_add_up_to_what_moves() {
    let desk = desk("ring-ranges");
    desk.write("hundred-and-one", &numbered(0..=100));
    let document = desk.delian("ring diff --nodes hundred --to hundred-and-one --ranges --json").with(0).json();
    let ranges = document["ranges"].as_array().expect("a list");
    let tokens: u64 = ranges.iter().filter_map(|range| range["tokens"].as_u64()).sum();
    let moved = document["copies"][0]["moved"].as_f64().expect("a number");
    assert!((tokens as f64 / 4_294_967_296.0 - moved).abs() < 1e-12, "{tokens} tokens and {moved}");
    assert!(ranges.iter().all(|range| range["to"] == "node-0") && ranges.len() <= 150);
    let text = desk.delian("ring diff --nodes hundred --to hundred-and-one").with(0);
    text.says("joined: node-0\n").says("smaller rows with ").says("are left out; --all shows them.");
    let all = desk.delian("ring diff --nodes hundred --to hundred-and-one --all").with(0);
    assert!(!all.output.contains("left out"));
}

#[test]
fn a_balance_has_figures_a_histogram_and_a_verdict() {
    let desk = desk("ring-balance");
    insta::assert_snapshot!(told(
        &desk,
        &[
            "ring balance --nodes racks.toml --keys 10000",
            "ring balance --nodes racks.toml --keys 10000 --replicas 2 --spread datacenter",
            "ring balance --nodes hundred --keys 10000 --seed 7",
            "ring balance --nodes few.toml --keys 1",
            "ring balance --nodes three --replicas 4",
        ]
    ));
    insta::assert_json_snapshot!(desk.delian("ring balance --nodes racks.toml --keys 1000 --json").with(0).shape());
    let all = desk.delian("ring balance --nodes hundred --keys 1000 --all").with(0);
    assert!(!all.output.contains("left out") && (1..=100).all(|node| all.output.contains(&format!("node-{node} "))));
}

#[test]
fn a_plot_is_one_picture_that_stands_alone() {
    let desk = desk("ring-plot");
    let ended = desk.delian("ring balance --nodes hundred --keys 1000 --plot ring.svg").with(0);
    ended.says("The distribution is drawn in ring.svg.");
    let svg = desk.read("ring.svg");
    assert!(svg.starts_with("<svg ") && svg.contains("100 nodes") && !svg.contains("href"), "{svg}");
    desk.delian("ring balance --nodes three --plot no/such/ring.svg")
        .with(2)
        .complains("cannot write the plot to no/such");
}

#[test]
fn names_that_collide_one_and_all_are_told() {
    let desk = desk("ring-twins");
    let twins = ["f9413bb5-1ee1-4214-a257-7c7316240c5a", "fe72dbaf-e64f-4599-a2f3-7ce487addcb1"];
    desk.write("twins", &twins.join("\n"));
    let told = format!("150 pairs of points collide, at 150 tokens; {} and {} share 150", twins[0], twins[1]);
    desk.delian("ring balance --nodes twins --keys 1000").with(0).says(&told);
}

#[test]
fn files_that_are_wrong_are_refused_by_place_value_and_mend() {
    let desk = desk("ring-wrong");
    desk.write("empty", "# nobody\n");
    desk.write("twice", "ada\nbob\nada\n");
    desk.write("spaces", "ada 2.0\n");
    desk.write(
        "wrong.toml",
        "points_per_weigth = 10\n[[node]]\nname = \"ada\"\nweight = 0\n[[node]]\nname = \"ada\"\neligible = \"no\"\n",
    );
    desk.write("broken.toml", "[[node]]\nname = ada\n");
    insta::assert_snapshot!(told(
        &desk,
        &[
            "ring balance --nodes empty",
            "ring locate key --nodes twice",
            "ring locate key --nodes spaces",
            "ring replicas key --nodes wrong.toml",
            "ring diff --nodes three --to broken.toml",
        ]
    ));
    desk.delian("ring locate key --nodes nowhere").with(2).complains("nowhere: cannot be read: ");
    desk.delian("ring locate key --nodes scenarios").with(2).complains("scenarios: cannot be read: ");
    fs::write(desk.path("bytes"), [0xff, 0xfe, b'\n']).expect("the desk can be written");
    desk.delian("ring locate key --nodes bytes").with(2).complains("bytes: cannot be read: ");
    desk.delian("ring locate key").with(2).complains("--nodes <FILE>");
    desk.delian("ring").with(2).complains("Usage: delian ring");
}
