//! `delian node` up to the point at which a node runs: its layers, what they come to, and what is refused.

use crate::desk::{Desk, Ended};

const FILE: &str = "\
[node]
name = \"ada\"
id = \"n1\"

[http]
listen = \"127.0.0.1:9400\"
tokens = [{ name = \"ops\", role = \"operate\", sha256 = \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\" }]

[raft]
heartbeat_interval = \"100ms\"
";

fn node(desk: &Desk, words: &str, variables: &[(&str, &str)]) -> Ended {
    let mut command = desk.command();
    command.args(words.split_whitespace()).envs(variables.iter().copied());
    let output = command.output().expect("the command was built");
    let text = |bytes| String::from_utf8(bytes).expect("the command prints UTF-8");
    Ended { code: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
}

#[test]
fn every_value_is_shown_with_its_origin() {
    let desk = Desk::new("node-print");
    desk.write("node.toml", FILE);
    let words = "node --config node.toml --http 127.0.0.1:9500 --set log.filter=debug --print-config";
    let variables = [("DELIAN_NODE_NAME", "bob"), ("DELIAN_HTTP_LISTEN", "127.0.0.1:9600")];
    let page = node(&desk, words, &variables).with(0).output;
    let line = |start: &str| {
        let line = page.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start} in {page}"));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("name = \"bob\""), "name = \"bob\" # environment DELIAN_NODE_NAME");
    assert_eq!(line("listen = \"127.0.0.1:9500\""), "listen = \"127.0.0.1:9500\" # flag --http");
    assert_eq!(line("heartbeat_interval"), "heartbeat_interval = \"100ms\" # node.toml:10");
    assert_eq!(line("filter"), "filter = \"debug\" # flag --set");
    assert_eq!(line("election_timeout_min"), "election_timeout_min = \"500ms\" # default");
    assert!(page.contains("(redacted)") && !page.contains("00112233"), "{page}");
    let document = node(&desk, &format!("{words} --json"), &variables).with(0).json();
    assert_eq!(document["node.name"]["origin"], "environment");
    assert_eq!(document["raft.heartbeat_interval"]["place"]["line"], 10);
    // What is printed is a configuration, but for the secrets.
    desk.write("printed.toml", &node(&desk, "node --dev --name ada --print-config", &[]).with(0).output);
    node(&desk, "node --dev --config printed.toml --check-config", &[]).with(0).says("makes sense");
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let desk = Desk::new("node-refuse");
    desk.write("wrong.toml", "[http]\nlistn = \"127.0.0.1:8400\"\n[raft]\nheartbeat_interval = 100\n");
    let told = |words: &str| {
        let Ended { code, output, errors } = node(&desk, words, &[]);
        format!("$ delian {words}\n{output}{errors}[{}]\n", code.expect("it exits"))
    };
    let commands = [
        "node --config wrong.toml",
        "node --config wrong.toml --check-config",
        "node --config nothing.toml",
        "node --set raft.heartbeat_interval=2s --check-config",
        "node --dev --listen 0.0.0.0:7400",
        "node --set security.mode=dev",
        "node",
    ];
    insta::assert_snapshot!(commands.map(told).join("\n"));
    node(&desk, "node --found --join 127.0.0.1:1", &[]).with(2).complains("cannot be used with");
    node(&desk, "node --set nothing", &[]).with(2).complains("must be a key and a value");
    node(&desk, "node --check-config", &[("DELIAN_HTTP_LISTN", "a")])
        .with(1)
        .complains("did you mean DELIAN_HTTP_LISTEN?");
    node(&desk, "node --check-config", &[("DELIAN_API", "a"), ("DELIAN_SERVICE_HOST", "b")]).with(0);
}

#[test]
fn the_help_teaches_by_examples() {
    let desk = Desk::new("node-help");
    desk.delian("node --help").with(0).says("Founding. A disk that was lost").says("--set <KEY=VALUE>");
    let help = desk.delian("topology watch --help").with(0).output;
    insta::assert_snapshot!(help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
    for command in ["status", "members", "topology", "why", "transfer"] {
        desk.delian(&format!("{command} --help")).with(0).says("Examples:").says("Exit codes:");
    }
    for command in ["show", "register", "drain", "remove", "watch"] {
        desk.delian(&format!("topology {command} --help")).with(0).says("Examples:").says("DELIAN_API");
        desk.delian(&format!("man topology {command}")).with(0).says(&format!(".TH delian-topology-{command} 1"));
    }
}
