//! Refusals of a node, as one sentence with the mend.

use super::words::span;
use super::{Refusal, Reply};
use crate::answer::Answer;

/// Returns a sentence and what the refusal comes to; nothing where the question was not admitted.
pub(super) fn sentence(reply: &Reply, has_token: bool) -> (String, Option<Answer>) {
    let Reply { base, status, .. } = reply;
    let answer = match status {
        // Who may not ask, who asks too much, and who asks while nobody knows, has no answer.
        300..=399 | 401 | 403 | 408 | 429 | 500.. => None,
        _ => Some(Answer::No),
    };
    let Some(refusal) = reply.refusal() else {
        let said = format!("{base} answers with status {status} and no reason: is it the API of a node?");
        return (said, None);
    };
    let Refusal { title, detail, leader, retry_after_ms, node, .. } = refusal;
    let mut said = if detail.is_empty() { title } else { detail };
    if let Some(node) = node {
        said = format!("{node}: {said}");
    }
    if let Some(leader) = leader.filter(|leader| !said.contains(leader.as_str())) {
        said = format!("{said}; {leader} leads");
    }
    if let Some(millis) = retry_after_ms {
        said = format!("{said}; try again in {}", span(millis));
    }
    match (status, has_token) {
        (401, false) => said = format!("{said}; give a token with --token-file, --token or DELIAN_TOKEN"),
        (401 | 403, true) => said = format!("{said}; another token is needed"),
        _ => {}
    }
    (said, answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, text: &str) -> Reply {
        Reply::new("http://ada", status, text.to_string())
    }

    #[test]
    fn a_refusal_is_one_sentence_with_the_mend() {
        let busy = r#"{"type":"urn:delian:problem:busy","title":"busy","status":429,"detail":"too many requests",
                       "node":"n1","leader":"n2","retry_after_ms":1500}"#;
        let (said, answer) = sentence(&reply(429, busy), false);
        assert_eq!(said, "n1: too many requests; n2 leads; try again in 1.50 s");
        assert_eq!(answer, None);
        let unknown =
            r#"{"type":"x","title":"unknown node","status":404,"detail":"n9 is not registered: register it first"}"#;
        let (said, answer) = sentence(&reply(404, unknown), false);
        assert_eq!((said.as_str(), answer), ("n9 is not registered: register it first", Some(Answer::No)));
    }

    #[test]
    fn what_is_no_node_is_called_so() {
        let (said, answer) = sentence(&reply(404, "<html>"), false);
        assert_eq!(said, "http://ada answers with status 404 and no reason: is it the API of a node?");
        assert_eq!(answer, None);
    }

    #[test]
    fn who_has_no_token_is_told_how_to_give_one() {
        let closed = r#"{"type":"x","title":"who are you","status":401,"detail":"a token is needed"}"#;
        assert!(sentence(&reply(401, closed), false).0.ends_with("with --token-file, --token or DELIAN_TOKEN"));
        assert!(sentence(&reply(401, closed), true).0.ends_with("another token is needed"));
    }
}
