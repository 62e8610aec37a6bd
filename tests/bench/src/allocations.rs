//! How often the heap was asked for memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

static HOLDS: AtomicBool = AtomicBool::new(false);
static HELD: AtomicI64 = AtomicI64::new(0);
static ASKED: AtomicU64 = AtomicU64::new(0);

struct Counting;

/// Allocations of this thread so far.
pub fn count() -> u64 {
    COUNT.get()
}

/// Octets of the heap that are in use, of those that were asked for since the first call.
pub fn held() -> i64 {
    HOLDS.store(true, Relaxed);
    HELD.load(Relaxed)
}

/// Octets that the heap was asked for since the first call: each time that memory grew, all of it.
pub fn asked() -> u64 {
    HOLDS.store(true, Relaxed);
    ASKED.load(Relaxed)
}

/// Nothing is added up where nobody has asked for it, as while libraries are compared.
fn hold(octets: i64, asked: usize) {
    if HOLDS.load(Relaxed) {
        ASKED.fetch_add(asked as u64, Relaxed);
        HELD.fetch_add(octets, Relaxed);
    }
}

/// This costs the libraries that allocate less than an atomic addition would.
fn counted() {
    COUNT.set(COUNT.get() + 1);
}

// SAFETY: everything is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        counted();
        hold(layout.size() as i64, layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        counted();
        hold(layout.size() as i64, layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, octets: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        counted();
        hold(len as i64 - layout.size() as i64, len);
        unsafe { System.realloc(octets, layout, len) }
    }

    unsafe fn dealloc(&self, octets: *mut u8, layout: Layout) {
        hold(-(layout.size() as i64), 0);
        unsafe { System.dealloc(octets, layout) }
    }
}
