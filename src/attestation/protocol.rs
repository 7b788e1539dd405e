//! Verified Access v2 as it is compiled from `proto/`.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::needless_pass_by_value,
    clippy::semicolon_if_nothing_returned,
    clippy::uninlined_format_args,
    reason = "generated code; its documentation is in the .proto"
)]

tonic::include_proto!("google.chrome.verifiedaccess.v2");
