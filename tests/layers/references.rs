//! Every path through a module of the same crate that a Rust file writes, in `use` lines, in code and inside macros.

use std::iter;

use proc_macro2::{Delimiter, Group, Spacing, TokenTree};

use crate::source::File;

/// One path, from the root of the crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) line: usize,
    /// The segments behind `crate`; `*` for all of a module.
    pub(crate) path: Vec<String>,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Written in code or imported for this module alone.
    Private,
    /// `pub use`: this module offers it on, under this name.
    Offered(String),
}

/// The path of the module that `file` holds, from the root of its crate, whose sources lie in `sources`.
pub(crate) fn module_of(file: &File, sources: &str) -> Vec<String> {
    let inside = file.path.strip_prefix(sources).unwrap_or(&file.path);
    let parts = inside.trim_end_matches(".rs").split('/').map(str::to_owned);
    let mut module: Vec<String> = parts.collect();
    if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        module.pop();
    }
    module
}

/// Every reference of `file`, which holds `module`.
pub(crate) fn references(file: &File, module: Vec<String>) -> Vec<Reference> {
    let mut walk = Walk { module, found: Vec::new() };
    walk.tokens(&file.tokens());
    walk.found
}

struct Walk {
    module: Vec<String>,
    found: Vec<Reference>,
}

impl Walk {
    fn tokens(&mut self, tokens: &[TokenTree]) {
        let mut at = 0;
        while at < tokens.len() {
            at += match &tokens[at] {
                TokenTree::Ident(word) if word == "use" => self.import(tokens, at),
                TokenTree::Ident(word) if word == "mod" => self.inline_module(&tokens[at + 1..]),
                TokenTree::Ident(_) => self.path(&tokens[at..]),
                TokenTree::Group(group) => {
                    self.tokens(&inside(group));
                    1
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => 1,
            };
        }
    }

    /// Takes `use …;` and returns how many tokens that was.
    fn import(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let tree: Vec<TokenTree> = tokens[at + 1..].iter().take_while(|it| !is_punct(it, ';')).cloned().collect();
        let kind = if is_public(&tokens[..at]) { Kind::Offered(String::new()) } else { Kind::Private };
        self.tree(&tree, &[], &kind);
        tree.len() + 1
    }

    fn tree(&mut self, tokens: &[TokenTree], prefix: &[String], kind: &Kind) {
        let mut path = prefix.to_vec();
        let mut alias = None;
        let mut line = 0;
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    alias = tokens.get(at + 1).map(ToString::to_string);
                    break;
                }
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Punct(star) if star.as_char() == '*' => path.push("*".to_owned()),
                TokenTree::Group(group) => {
                    for branch in inside(group).split(|it| is_punct(it, ',')).filter(|it| !it.is_empty()) {
                        self.tree(branch, &path, kind);
                    }
                    return;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => continue,
            }
            line = token.span().start().line;
        }
        let offered = alias.or_else(|| path.last().filter(|it| *it != "self").cloned()).unwrap_or_default();
        let kind = if *kind == Kind::Private { Kind::Private } else { Kind::Offered(offered) };
        self.record(line, &path, kind);
    }

    /// Takes `mod name { … }` behind its first word and returns how many tokens that was with it.
    fn inline_module(&mut self, behind: &[TokenTree]) -> usize {
        if let [TokenTree::Ident(name), TokenTree::Group(body), ..] = behind
            && body.delimiter() == Delimiter::Brace
        {
            self.module.push(name.to_string());
            self.tokens(&inside(body));
            self.module.pop();
            return 3;
        }
        1
    }

    /// Takes `crate::a::b`, when `tokens` begin with such a path, and returns how many tokens that was.
    fn path(&mut self, tokens: &[TokenTree]) -> usize {
        let mut path = vec![tokens[0].to_string()];
        let mut taken = 1;
        while let [TokenTree::Punct(one), TokenTree::Punct(two), TokenTree::Ident(next), ..] = &tokens[taken..] {
            if one.as_char() != ':' || one.spacing() != Spacing::Joint || two.as_char() != ':' {
                break;
            }
            path.push(next.to_string());
            taken += 3;
        }
        if path.len() > 1 && ["crate", "super", "self"].contains(&path[0].as_str()) {
            self.record(tokens[0].span().start().line, &path, Kind::Private);
        }
        taken
    }

    /// Notes `written`, resolved from the current module.
    fn record(&mut self, line: usize, written: &[String], kind: Kind) {
        let mut path = match written.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            _ => self.module.clone(),
        };
        for segment in written {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(path.pop()),
                _ => path.push(segment.clone()),
            }
        }
        self.found.push(Reference { line, path, kind });
    }
}

/// Says whether the tokens before a `use` end in `pub` or `pub(…)`.
fn is_public(before: &[TokenTree]) -> bool {
    let is_pub = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "pub");
    match before {
        [.., last] if is_pub(last) => true,
        [.., word, TokenTree::Group(scope)] => is_pub(word) && scope.delimiter() == Delimiter::Parenthesis,
        _ => false,
    }
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn inside(group: &Group) -> Vec<TokenTree> {
    iter::empty().chain(group.stream()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let file = File::new("core/src/raft/log.rs", text);
        let module = module_of(&file, "core/src/");
        references(&file, module).into_iter().map(|it| format!("{} {}", it.line, it.path.join("::"))).collect()
    }

    #[test]
    fn a_file_knows_its_module() {
        let module = |path| module_of(&File::new(path, ""), "core/src/");
        assert_eq!(module("core/src/lib.rs"), Vec::<String>::new());
        assert_eq!(module("core/src/raft/mod.rs"), ["raft"]);
        assert_eq!(module("core/src/raft.rs"), ["raft"]);
        assert_eq!(module("core/src/raft/log.rs"), ["raft", "log"]);
    }

    #[test]
    fn nested_imports_are_taken_apart() {
        let text = "use crate::{\n    ids::Term,\n    topology::{self, Command as C},\n};\nuse super::super::ring::*;";
        assert_eq!(paths(text), ["2 ids::Term", "3 topology", "3 topology::Command", "5 ring::*"]);
    }

    #[test]
    fn paths_in_code_and_in_macros_count() {
        let text = "fn f() {\n    assert!(x == crate::topology::LIMIT);\n    super::quorum::count()\n}";
        assert_eq!(paths(text), ["2 topology::LIMIT", "3 raft::quorum::count"]);
    }

    #[test]
    fn an_inline_module_is_one_level_deeper() {
        assert_eq!(
            paths("mod tests { use super::*; use super::super::super::swim::A; }"),
            ["1 raft::log::*", "1 swim::A"]
        );
    }

    #[test]
    fn an_offer_keeps_the_name_it_gives() {
        let file = File::new(
            "core/src/io.rs",
            "pub use crate::raft::{Message as RaftMessage, Entry};\npub(crate) use crate::ring;",
        );
        let kinds: Vec<Kind> = references(&file, vec!["io".to_owned()]).into_iter().map(|it| it.kind).collect();
        assert_eq!(kinds, ["RaftMessage", "Entry", "ring"].map(|name| Kind::Offered(name.to_owned())));
    }

    #[test]
    fn strings_and_comments_are_no_references() {
        assert_eq!(paths("// crate::topology::X\nconst A: &str = \"crate::topology::X\";"), Vec::<String>::new());
    }
}
