//! Mutexes whose content stays valid whatever happens.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The content of a mutex, also where a thread has panicked with it: what is in one is complete at any time.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
