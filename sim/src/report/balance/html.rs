//! The comparison as one HTML page that needs nothing but itself.

use super::groups::{groups, told};
use super::{Balance, READING, SILENT, digits, plots, share};
use crate::queueing::{RANDOM, RECOMMENDED};
use crate::report::html::{STYLE, escaped, number};
use crate::report::{push, push_line};

/// Returns `balance.html`.
pub(super) fn page(balance: &Balance) -> String {
    let mut out = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.push_str(
        "<meta name=\"color-scheme\" content=\"light dark\">\n<title>Load balancers compared · Delian</title>\n",
    );
    push_line!(out, "<style>\n{STYLE}</style>\n</head>\n<body>\n<main>");
    header(balance, &mut out);
    rules(balance, &mut out);
    figures(balance, &mut out);
    tables(balance, &mut out);
    silent(balance, &mut out);
    legend(balance, &mut out);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn header(balance: &Balance, out: &mut String) {
    let (class, word) = if balance.ok() { ("ok", "Every rule holds") } else { ("failed", "A rule is broken") };
    out.push_str("<header>\n<p class=\"kind\">Delian · load balancers compared</p>\n");
    push_line!(out, "<h1 class=\"{class}\"><span class=\"word\">{word}</span></h1>");
    push_line!(out, "<p class=\"headline\">{}</p>", escaped(&balance.headline()));
    let mean = |policy, column| balance.findings.cell(policy, column).map(|cell| digits(cell.mean.mean));
    let tiles = [
        ("the default, equal servers", mean(RECOMMENDED, "equal-70")),
        ("uniform draws", mean(RANDOM, "equal-70")),
        ("the cliff at 90 %", mean("resource-aware", "equal-70")),
        ("the default, half-speed servers", mean(RECOMMENDED, "half-speed-70")),
        ("the bound: two true queues", mean("bound-two-true", "equal-70")),
        (
            "to five dead servers, default",
            balance.findings.cell(RECOMMENDED, "dying").map(|cell| share(cell.sick_share())),
        ),
    ];
    let tiles: Vec<(&str, String)> = tiles.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    if !tiles.is_empty() {
        out.push_str("<dl class=\"tiles\">\n");
        for (name, value) in tiles {
            push_line!(out, "<div><dt>{}</dt><dd>{}</dd></div>", escaped(name), escaped(&value));
        }
        out.push_str("</dl>\n");
    }
    push_line!(out, "<p class=\"note\">{} {}</p>\n</header>", escaped(&balance.setup()), escaped(READING));
}

fn rules(balance: &Balance, out: &mut String) {
    if balance.judged.is_empty() {
        return;
    }
    out.push_str("<h2>Rules</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>verdict<th>rule<th>setting<th>found</tr></thead>\n<tbody>\n");
    for judged in &balance.judged {
        let (class, word) = if judged.holds { ("ok", "ok") } else { ("failed", "BROKEN") };
        push_line!(
            out,
            "<tr><td><span class=\"mark {class}\">{word}</span><td class=\"name\">{}<td>{}<td>{}</tr>",
            escaped(judged.rule),
            escaped(judged.column),
            escaped(&judged.facts)
        );
    }
    out.push_str("</tbody>\n</table></div>\n");
}

fn figures(balance: &Balance, out: &mut String) {
    out.push_str("<h2>Time in the system, in service times</h2>\n<p class=\"note\">The dot is the mean with its confidence \
                  interval, the bar reaches to the 99th percentile, the black stroke is the first experiment, and the grey \
                  line uniform draws. Green is the recommended default, brown what no balancer should do or can know. \
                  Logarithmic, and the same in all plots.</p>\n<div class=\"figures\">\n");
    let columns = &balance.findings.study.columns;
    for odd in [0, 1] {
        out.push_str("<div>\n");
        for (_, column) in columns.iter().enumerate().filter(|(place, _)| place % 2 == odd) {
            let (name, about) = (escaped(column.name), escaped(column.about));
            let svg = plots::setting(balance, column);
            push_line!(out, "<figure>\n<h2>{name}</h2>\n<figcaption>{about}</figcaption>\n{svg}</figure>");
        }
        out.push_str("</div>\n");
    }
    out.push_str("</div>\n");
}

fn tables(balance: &Balance, out: &mut String) {
    for group in groups(balance) {
        push!(out, "<h2>{}</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>policy", group.heading);
        for column in &group.columns {
            push!(out, "<th class=\"n\">{}", escaped(column.name));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for policy in &balance.findings.study.policies {
            push!(out, "<tr><td>{}", escaped(policy.name));
            for column in &group.columns {
                let cell = balance.findings.cell(policy.name, column.name);
                out.push_str(&number(&cell.map_or_else(String::new, told)));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody>\n</table></div>\n");
    }
}

fn silent(balance: &Balance, out: &mut String) {
    push_line!(out, "<h2>What a silent server gets of resource-aware</h2>\n<p class=\"note\">{}</p>", escaped(SILENT));
    out.push_str("<div class=\"scroll\"><table>\n<thead><tr><th class=\"n\">servers<th>the others<th class=\"n\">documented: one half<th class=\"n\">the average of the known</tr></thead>\n<tbody>\n");
    for dead in &balance.dead_shares {
        let (servers, others) = (number(&dead.servers.to_string()), escaped(dead.others.about()));
        let (documented, average) = (number(&share(dead.documented)), number(&share(dead.average)));
        push_line!(out, "<tr>{servers}<td>{others}{documented}{average}</tr>");
    }
    out.push_str("</tbody>\n</table></div>\n");
}

fn legend(balance: &Balance, out: &mut String) {
    out.push_str("<h2>Policies</h2>\n<div class=\"scroll\"><table class=\"facts\">\n");
    for policy in &balance.findings.study.policies {
        push_line!(out, "<tr><td>{}<td class=\"name\">{}</tr>", escaped(policy.name), escaped(policy.about));
    }
    out.push_str("</table></div>\n");
}
