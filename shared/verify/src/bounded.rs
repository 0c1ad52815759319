//! A list with a fixed capacity on the stack: a request cannot make it grow, and it costs no
//! allocation. Going over the capacity is the caller's to refuse.

/// At most `N` items.
pub(crate) struct Bounded<T, const N: usize> {
    items: [Option<T>; N],
    len: usize,
}

/// The list already holds as many items as it may.
pub(crate) struct Full;

impl<T, const N: usize> Bounded<T, N> {
    pub(crate) fn new() -> Self {
        Self { items: std::array::from_fn(|_| None), len: 0 }
    }

    pub(crate) fn push(&mut self, item: T) -> Result<(), Full> {
        *self.items.get_mut(self.len).ok_or(Full)? = Some(item);
        self.len += 1;
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.items[..self.len].iter().flatten()
    }
}
