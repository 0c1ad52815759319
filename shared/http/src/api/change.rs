//! PATCH: read, change, replace what was read. Two writers cannot undo each other: the one who
//! comes second reads again and applies its change to what the first one wrote. What was changed is
//! recorded with the change, so whoever replaces is told what there was before.

use std::future::Future;

use postback_engine::ports::Unavailable;
use postback_engine::ports::catalog::CatalogError;

use crate::problem::Problem;

/// How often a change is tried against other writers.
const TRIES: usize = 4;

/// A noun before and after a change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Changed<T> {
    pub(crate) before: T,
    pub(crate) after: T,
}

/// Changes a noun that `read` finds by what `apply` makes of it. `apply` counts the revision;
/// `replace` is given the noun before and after. Where `apply` leaves it as it is, nothing is
/// written: the change was made before.
///
/// # Errors
/// When it is not there, when `apply` refuses, when others kept winning, or when the store is
/// unavailable.
pub(crate) async fn change<T, R, W>(
    what: &'static str,
    read: impl Fn() -> R,
    apply: impl Fn(&mut T) -> Result<(), Problem>,
    replace: impl Fn(&T, T) -> W,
) -> Result<Changed<T>, Problem>
where
    T: Clone + PartialEq,
    R: Future<Output = Result<Option<T>, Unavailable>>,
    W: Future<Output = Result<(), CatalogError>>,
{
    for _ in 0..TRIES {
        let before = read().await?.ok_or(Problem::NotFound(what))?;
        let mut after = before.clone();
        apply(&mut after)?;
        if after == before {
            return Ok(Changed { before, after });
        }
        match replace(&before, after.clone()).await {
            Ok(()) => return Ok(Changed { before, after }),
            Err(CatalogError::Stale) => {}
            Err(error) => return Err(Problem::of_write(error, what)),
        }
    }
    Err(Problem::of_write(CatalogError::Stale, what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Changes a number to ten more while another writer comes first `others` times.
    async fn check(others: usize, expected: Result<Changed<u32>, &str>) {
        let stored = Cell::new(1_u32);
        let (reads, writes) = (Cell::new(0), Cell::new(0));
        let changed = change(
            "number",
            || {
                reads.set(reads.get() + 1);
                let read = stored.get();
                async move { Ok(Some(read)) }
            },
            |number: &mut u32| {
                *number += 10;
                Ok(())
            },
            |_, number| {
                writes.set(writes.get() + 1);
                let written = if writes.get() <= others {
                    stored.set(stored.get() + 1);
                    Err(CatalogError::Stale)
                } else {
                    stored.set(number);
                    Ok(())
                };
                async move { written }
            },
        )
        .await;
        assert_eq!(reads.get(), writes.get());
        match (changed, expected) {
            (Ok(changed), Ok(expected)) => assert_eq!(changed, expected),
            (Err(Problem::Conflict { code, .. }), Err(expected)) => assert_eq!(code, expected),
            (changed, expected) => panic!("{changed:?}, not {expected:?}"),
        }
    }

    #[tokio::test]
    async fn a_change_is_applied_to_what_others_wrote() {
        check(0, Ok(Changed { before: 1, after: 11 })).await;
        check(1, Ok(Changed { before: 2, after: 12 })).await;
        check(3, Ok(Changed { before: 4, after: 14 })).await;
        check(4, Err("changed_meanwhile")).await;
    }
}
