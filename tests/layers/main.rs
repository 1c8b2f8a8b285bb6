//! Proves the dependency rules of ARCHITECTURE.md from the manifests and the sources themselves.

mod manifests;
mod references;
#[path = "../source/mod.rs"]
mod source;
mod sources;

#[test]
fn manifests_keep_the_layers() {
    source::require_none(manifests::findings(&source::tree()));
}

#[test]
fn sources_keep_the_layers() {
    source::require_none(sources::findings(&source::tree()));
}
