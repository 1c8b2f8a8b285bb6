//! Words that mark unfinished work, excuses or history; attributes that hide; blanks at the ends of lines.

use proc_macro2::{Delimiter, TokenTree};

use crate::source::manifest::without_comment;
use crate::source::{File, Finding};

/// The folder of this very test, which has to spell the words it bans.
const EXEMPT: &str = "tests/tidy/";

/// Words that may stand nowhere, letters as written, and their mends.
const UNFINISHED: [(&str, &str); 6] = [
    ("todo!", "finish it, or leave the branch out"),
    ("unimplemented!", "finish it, or leave the branch out"),
    ("FIXME", "mend it, or open an issue"),
    ("TODO", "do it, or open an issue"),
    ("XXX", "say what is wrong, or mend it"),
    ("#[ignore", "make the test fast and sure, or delete it"),
];

/// Phrases that may stand nowhere, in capitals or not.
const EXCUSES: [(&str, &str); 3] = [
    ("for simplicity", "give the true reason, or do it properly"),
    ("simplified for now", "do it properly, or say what is deliberately absent"),
    ("in a real implementation", "this is one: do it properly"),
];

/// Phrases that tell history in a comment; the log of changes does that better.
const HISTORY: [(&str, &str); 2] =
    [("no longer", "say what is, not what was"), ("previously", "say what is, not what was")];

/// All banned words and blanks among `files`.
pub(crate) fn findings(files: &[File]) -> Vec<Finding> {
    let judged = files.iter().filter(|file| !file.path.starts_with(EXEMPT) && !file.is("patch"));
    judged
        .flat_map(|file| {
            let mut findings = lines(file);
            if file.is("rs") {
                hidden_lints(file, &file.tokens(), &mut findings);
            }
            findings
        })
        .collect()
}

fn lines(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let comments = comments(file);
    for (index, (line, comment)) in file.text.lines().zip(comments).enumerate() {
        let (lower, comment) = (line.to_lowercase(), comment.to_lowercase());
        let unfinished = UNFINISHED.iter().filter(|(word, _)| stands_alone(line, word));
        let excuses = EXCUSES.iter().filter(|(phrase, _)| lower.contains(phrase));
        let history = HISTORY.iter().filter(|(phrase, _)| comment.contains(phrase));
        for (word, mend) in unfinished.chain(excuses).chain(history) {
            findings.push(file.finding(index + 1, format!("`{word}` is banned here"), *mend));
        }
        if line.ends_with([' ', '\t']) {
            findings.push(file.finding(index + 1, "blanks at the end of the line", "delete them"));
        }
    }
    findings
}

/// Says whether `word` occurs in `line` without a letter, digit or `_` on its left or right.
fn stands_alone(line: &str, word: &str) -> bool {
    let joins = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).any(|(at, _)| {
        let (left, right) = (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
        !(left.is_some_and(joins) || word.ends_with(char::is_alphanumeric) && right.is_some_and(joins))
    })
}

/// The comment on each line of `file`, empty where there is none. Pages have no comments.
fn comments(file: &File) -> Vec<String> {
    if file.is("toml") {
        return file.text.lines().map(|line| line[without_comment(line).len()..].to_owned()).collect();
    }
    let mut lines: Vec<Vec<char>> = file.text.lines().map(|line| line.chars().collect()).collect();
    if file.is("rs") {
        blank_literals(&file.tokens(), &mut lines);
        lines.iter().map(|line| comment_of(line)).collect()
    } else {
        vec![String::new(); lines.len()]
    }
}

fn comment_of(line: &[char]) -> String {
    let opens = |pair: &[char]| pair == ['/', '/'] || pair == ['/', '*'];
    line.windows(2).position(opens).map_or_else(String::new, |at| line[at..].iter().collect())
}

/// Overwrites strings, so that what looks like a comment inside one is none.
fn blank_literals(tokens: &[TokenTree], lines: &mut [Vec<char>]) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => blank_literals(&group.stream().into_iter().collect::<Vec<_>>(), lines),
            TokenTree::Literal(literal) => {
                let (start, end) = (literal.span().start(), literal.span().end());
                // A documentation comment is a literal too, but it begins with its slashes.
                if lines[start.line - 1].get(start.column) == Some(&'/') {
                    continue;
                }
                for (index, line) in lines.iter_mut().enumerate().take(end.line).skip(start.line - 1) {
                    let from = if index + 1 == start.line { start.column } else { 0 };
                    let to = if index + 1 == end.line { end.column } else { line.len() };
                    line[from..to].fill(' ');
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// Finds `allow(…)` in attributes, inside macros and conditional attributes too.
fn hidden_lints(file: &File, tokens: &[TokenTree], findings: &mut Vec<Finding>) {
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let inside: Vec<TokenTree> = group.stream().into_iter().collect();
        let opens = |back: usize, mark: char| {
            at.checked_sub(back)
                .is_some_and(|it| matches!(&tokens[it], TokenTree::Punct(punct) if punct.as_char() == mark))
        };
        let is_attribute =
            group.delimiter() == Delimiter::Bracket && (opens(1, '#') || (opens(1, '!') && opens(2, '#')));
        if is_attribute && names_allow(&inside) {
            let mend = "write `#[expect(lint, reason = \"…\")]`: it speaks up once it is not needed";
            findings.push(file.finding(group.span_open().start().line, "`allow` hides a lint", mend));
        }
        hidden_lints(file, &inside, findings);
    }
}

fn names_allow(tokens: &[TokenTree]) -> bool {
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Ident(word) => word == "allow" && matches!(tokens.get(at + 1), Some(TokenTree::Group(_))),
        TokenTree::Group(group) => names_allow(&group.stream().into_iter().collect::<Vec<_>>()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::require_one;

    fn judge(path: &str, text: &str) -> Vec<Finding> {
        findings(&[File::new(path, text)])
    }

    #[test]
    fn unfinished_work_is_found_in_every_kind_of_file() {
        require_one(&judge("src/a.rs", "fn f() {\n    todo!()\n}\n"), 2, "`todo!`");
        require_one(&judge("src/a.rs", "fn f() { unimplemented!() }\n"), 1, "`unimplemented!`");
        require_one(&judge("src/a.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n"), 2, "`#[ignore`");
        require_one(&judge("a.toml", "# FIXME\n"), 1, "`FIXME`");
        require_one(&judge("a.md", "\nXXX\n"), 2, "`XXX`");
        assert_eq!(judge("src/a.rs", "const TODOS: [u8; 0] = [];\n"), []);
    }

    #[test]
    fn excuses_are_found_in_capitals_too() {
        require_one(&judge("src/a.rs", "// For simplicity we wait.\n"), 1, "`for simplicity`");
        require_one(&judge("a.md", "In a real implementation this would work.\n"), 1, "`in a real implementation`");
        require_one(&judge("a.md", "Simplified for now.\n"), 1, "`simplified for now`");
    }

    #[test]
    fn history_is_banned_in_comments_alone() {
        require_one(&judge("src/a.rs", "let url = \"http://x\"; // no longer used\n"), 1, "`no longer`");
        require_one(&judge("src/a.rs", "/// Previously a list.\nstruct A;\n"), 1, "`previously`");
        require_one(&judge("a.toml", "a = \"#\" # previously b\n"), 1, "`previously`");
        assert_eq!(judge("src/a.rs", "let a = \"// the patch no longer applies\";\n"), []);
        assert_eq!(judge("src/a.rs", "let a = r#\"\n // no longer\n\"#;\n"), []);
        assert_eq!(judge("a.md", "The patch no longer applies.\n"), []);
    }

    #[test]
    fn an_allow_is_found_in_every_attribute() {
        require_one(&judge("src/a.rs", "#![allow(dead_code)]\n"), 1, "`allow`");
        require_one(&judge("src/a.rs", "\n#[allow(dead_code)]\nfn f() {}\n"), 2, "`allow`");
        require_one(&judge("src/a.rs", "#[cfg_attr(test, allow(dead_code))]\nfn f() {}\n"), 1, "`allow`");
        require_one(&judge("src/a.rs", "m! {\n    #[allow(dead_code)]\n}\n"), 2, "`allow`");
        assert_eq!(judge("src/a.rs", "#[expect(dead_code, reason = \"x\")]\nfn f() { allow(1) }\n"), []);
    }

    #[test]
    fn blanks_at_the_end_of_a_line_are_found() {
        require_one(&judge("a.md", "one\ntwo  \n"), 2, "blanks");
    }
}
