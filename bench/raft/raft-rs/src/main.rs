//! How fast the cluster commits.

mod cluster;

fn main() {
    raft_work::measure::<cluster::InOneProcess>();
}
