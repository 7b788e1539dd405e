//! A handler's types are what is said of its route: each argument tells what it takes from a request and
//! how it may refuse it, the answer tells what comes back.

use axum::extract::State;

use crate::http::openapi::draft::Draft;
use crate::http::problem::Problem;

/// An argument of a handler.
pub(in crate::http) trait Argument {
    /// What it takes, and how it may refuse.
    fn describe(draft: &mut Draft);
}

/// What a handler returns.
pub(in crate::http) trait Reply {
    /// Statuses, media types, schemas.
    fn describe(draft: &mut Draft);
}

/// A handler; `Arguments` is the tuple of their types.
pub(in crate::http) trait Signature<Arguments> {
    /// All of it.
    fn describe(draft: &mut Draft);
}

macro_rules! signatures {
    ($(($($argument:ident)*))+) => {
        $(impl<Handler, Pending, $($argument,)*> Signature<($($argument,)*)> for Handler
        where
            Handler: Fn($($argument),*) -> Pending,
            Pending: Future<Output: Reply>,
            $($argument: Argument,)*
        {
            fn describe(draft: &mut Draft) {
                $($argument::describe(draft);)*
                <Pending::Output as Reply>::describe(draft);
            }
        })+
    };
}

signatures! {
    ()
    (A)
    (A B)
    (A B C)
    (A B C D)
    (A B C D E)
}

/// What handlers reach comes from us, not from the request.
impl<T> Argument for State<T> {
    fn describe(_: &mut Draft) {}
}

/// How it may be refused, the arguments have said.
impl<R: Reply> Reply for Result<R, Problem> {
    fn describe(draft: &mut Draft) {
        R::describe(draft);
    }
}
