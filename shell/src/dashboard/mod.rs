//! The page that a node serves at `/`: plain files, embedded, which read the API of the same node and nothing else.
//!
//! The browser decides nothing and keeps no truth: it shows the documents of [`crate::shapes`], follows `/v1/watch`, and
//! says how old what it shows is. There is no build step and no framework; what is in this folder is what is served. The
//! files hold no inline script and no inline style, so that [`CONTENT_SECURITY_POLICY`] can forbid both.

use crate::http::{Asset, Assets};

/// What the page may do, as the `Content-Security-Policy` of every asset: load its own files, ask its own node, and not be
/// framed. Trusted types are demanded and none is made, so no text of a document can ever be read as markup.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

macro_rules! asset {
    ($name:literal, $kind:expr) => {
        Asset { path: concat!("/dashboard/", $name), content_type: $kind, bytes: include_bytes!($name) }
    };
}

/// Every file of the page, the page itself first.
pub static ASSETS: Assets = &[
    Asset { path: "/", content_type: HTML, bytes: include_bytes!("index.html") },
    asset!("icon.svg", IMAGE),
    asset!("base.css", CSS),
    asset!("parts.css", CSS),
    asset!("theme.js", SCRIPT),
    asset!("main.js", SCRIPT),
    asset!("api.js", SCRIPT),
    asset!("live.js", SCRIPT),
    asset!("state.js", SCRIPT),
    asset!("dom.js", SCRIPT),
    asset!("words.js", SCRIPT),
    asset!("filter.js", SCRIPT),
    asset!("connection.js", SCRIPT),
    asset!("summary.js", SCRIPT),
    asset!("log.js", SCRIPT),
    asset!("map.js", SCRIPT),
    asset!("nodes.js", SCRIPT),
    asset!("ring.js", SCRIPT),
    asset!("events.js", SCRIPT),
    asset!("why.js", SCRIPT),
];

#[cfg(test)]
mod tests {
    use super::*;

    const LINES_MAX: usize = 500;

    fn text(bytes: &'static [u8]) -> &'static str {
        std::str::from_utf8(bytes).expect("assets are text")
    }

    /// What stands between `open` and the next `"` in `text`, each time.
    fn quoted<'t>(text: &'t str, open: &'t str) -> impl Iterator<Item = &'t str> {
        text.split(open).skip(1).filter_map(|rest| rest.split('"').next())
    }

    #[test]
    fn whatever_the_page_loads_is_an_asset() {
        let has = |path: &str| ASSETS.iter().any(|asset| asset.path == path);
        let page = text(ASSETS[0].bytes);
        let loads: Vec<_> = quoted(page, "href=\"dashboard/").chain(quoted(page, "src=\"dashboard/")).collect();
        assert!(loads.len() >= 5, "the page loads {loads:?} only");
        for Asset { path, content_type, bytes } in ASSETS {
            let imports = if *content_type == SCRIPT { quoted(text(bytes), "from \"./").collect() } else { Vec::new() };
            for name in imports.iter().chain(&loads) {
                assert!(has(&format!("/dashboard/{name}")), "{path} asks for {name}, which is no asset");
            }
        }
    }

    #[test]
    fn every_script_but_the_first_two_is_imported_by_another() {
        let all: String = ASSETS.iter().map(|asset| text(asset.bytes)).collect();
        for Asset { path, content_type, .. } in ASSETS {
            let name = path.trim_start_matches("/dashboard/");
            let loaded = all.contains(&format!("from \"./{name}\"")) || all.contains(&format!("dashboard/{name}\""));
            assert!(*content_type == HTML || loaded, "nothing loads {path}");
        }
    }

    #[test]
    fn nothing_in_the_page_needs_what_the_policy_forbids() {
        for Asset { path, bytes, .. } in ASSETS {
            for banned in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "setAttribute(\"style\"", "https://"]
            {
                assert!(!text(bytes).contains(banned), "{path} has {banned}");
            }
        }
        let page = text(ASSETS[0].bytes);
        for banned in [" style=", "<style", " onclick=", " onload=", "<script>"] {
            assert!(!page.contains(banned), "the page has {banned}");
        }
        assert!(!CONTENT_SECURITY_POLICY.contains("unsafe"), "{CONTENT_SECURITY_POLICY}");
    }

    #[test]
    fn no_file_is_too_long_to_be_one_idea() {
        for Asset { path, bytes, .. } in ASSETS {
            let lines = text(bytes).lines().count();
            assert!(lines <= LINES_MAX, "{path} has {lines} lines");
        }
    }
}
