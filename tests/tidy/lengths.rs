//! Files and functions short enough to hold in mind.

use proc_macro2::{Delimiter, Group, TokenTree};

use crate::source::{File, Finding};

/// The most lines of a file without its unit tests.
const FILE_LINES_MAX: usize = 500;
/// The most lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// How a function above the limit explains itself, in a comment above it.
const EXCUSE: &str = "Long on purpose: ";

/// All files and functions above their limits.
pub(crate) fn findings(files: &[File]) -> Vec<Finding> {
    files.iter().filter(|file| file.is("rs")).flat_map(one).collect()
}

fn one(file: &File) -> Vec<Finding> {
    let tokens = file.tokens();
    let mut findings = Vec::new();
    let lines = file.text.lines().count() - test_lines(&tokens);
    if lines > FILE_LINES_MAX {
        let rule = format!("{lines} lines without unit tests, the limit is {FILE_LINES_MAX}");
        findings.push(file.finding(FILE_LINES_MAX + 1, rule, "split it: a file past the limit holds two ideas"));
    }
    let mut functions = Vec::new();
    collect_functions(&tokens, &mut functions);
    for function in functions {
        if function.lines > FUNCTION_LINES_MAX && !is_excused(file, function.line) {
            let Function { name, line, lines } = function;
            let rule = format!("function `{name}` has {lines} lines, the limit is {FUNCTION_LINES_MAX}");
            let mend = format!("give its parts names, or say `// {EXCUSE}…` above it when parting it would hide more");
            findings.push(file.finding(line, rule, mend));
        }
    }
    findings
}

/// The lines of a `#[cfg(test)] mod … { … }` that ends the file.
fn test_lines(tokens: &[TokenTree]) -> usize {
    match tokens {
        [
            ..,
            TokenTree::Punct(hash),
            TokenTree::Group(attribute),
            TokenTree::Ident(word),
            TokenTree::Ident(_),
            TokenTree::Group(body),
        ] if word == "mod" && attribute.to_string().replace(' ', "") == "[cfg(test)]" => {
            body.span_close().end().line + 1 - hash.span().start().line
        }
        _ => 0,
    }
}

struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// Finds functions everywhere, inside macros too.
fn collect_functions(tokens: &[TokenTree], functions: &mut Vec<Function>) {
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(word) if word == "fn" => {
                if let Some(TokenTree::Ident(name)) = tokens.get(at + 1)
                    && let Some(body) = body_behind(&tokens[at + 2..])
                {
                    let line = word.span().start().line;
                    let lines = body.span_close().end().line + 1 - line;
                    functions.push(Function { name: name.to_string(), line, lines });
                }
            }
            TokenTree::Group(group) => {
                collect_functions(&group.stream().into_iter().collect::<Vec<_>>(), functions);
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// The braces behind a signature; a signature that ends in `;` has none.
fn body_behind(tokens: &[TokenTree]) -> Option<&Group> {
    let end = |token: &&TokenTree| !matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';');
    tokens.iter().take_while(end).find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    })
}

/// Says whether a comment in the block of lines above `line` gives the excuse and a reason behind it.
fn is_excused(file: &File, line: usize) -> bool {
    let above: Vec<&str> = file.text.lines().take(line - 1).collect();
    let block =
        above.iter().rev().map(|text| text.trim()).take_while(|text| text.starts_with("//") || text.starts_with('#'));
    block.filter_map(|text| text.split_once(EXCUSE)).any(|(_, reason)| !reason.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::require_one;

    fn judge(text: &str) -> Vec<Finding> {
        findings(&[File::new("core/src/x.rs", text)])
    }

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    step();\n".repeat(lines - 2))
    }

    #[test]
    fn a_long_file_is_found_and_its_unit_tests_do_not_count() {
        let short = "const A: u8 = 0;\n".repeat(500);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    const B: u8 = 0;\n".repeat(90));
        assert_eq!(judge(&format!("{short}{tests}")), []);
        require_one(&judge(&format!("{short}const A: u8 = 0;\n{tests}")), 501, "501 lines");
        require_one(&judge(&format!("{tests}{short}")), 501, "593 lines");
    }

    #[test]
    fn a_long_function_is_found_wherever_it_hides() {
        assert_eq!(judge(&function("fits", 70)), []);
        require_one(&judge(&function("too_long", 71)), 1, "`too_long` has 71 lines");
        require_one(&judge(&format!("impl A {{\n{}}}\n", function("too_long", 71))), 2, "`too_long`");
        require_one(&judge(&format!("proptest! {{\n{}}}\n", function("too_long", 71))), 2, "`too_long`");
    }

    #[test]
    fn braces_in_strings_and_comments_close_nothing() {
        let text = function("too_long", 71).replacen("step();", "say(\"}\"); // }", 1);
        require_one(&judge(&text), 1, "`too_long` has 71 lines");
    }

    #[test]
    fn an_excuse_needs_a_reason() {
        let long = function("table", 90);
        assert_eq!(judge(&format!("// Long on purpose: one arm per message.\n#[inline]\n{long}")), []);
        require_one(&judge(&format!("// Long on purpose: \n{long}")), 2, "`table`");
        require_one(&judge(&format!("// Long on purpose: another function.\n\n{long}")), 3, "`table`");
    }

    #[test]
    fn a_declaration_and_a_function_pointer_have_no_body() {
        let text = format!("trait T {{ fn a(&self); }}\ntype F = fn(u8) -> u8;\n{}", "struct S {}\n".repeat(90));
        assert_eq!(judge(&text), []);
    }
}
